"""The TOML file that describes a repository: its fields, what they mean, and what each may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from i2vbench.models.external.placeholders import CONFIG, MODEL, REQUEST, RUN, check, names_in
from i2vbench.toml_fields import check_json, fill, setting

MODES = ("server", "batch", "once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A file or folder that the repository needs."""

    path: str = setting("", "where it lies; {repository} may begin it; else relative to the TOML file")
    source: str = setting("", "where it is to be had, for the message that it is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that is written for a request (or, by [batch], for many): exactly one of text, data, each."""

    text: str = setting("", "its whole contents, as a text")
    data: Any = None
    each: Any = None
    omegaconf: bool = setting(False, "the repository reads it by OmegaConf: `${` in a text is then escaped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """[once], [batch] or [server]: how the repository is called."""

    command: tuple[str, ...] = ()
    cwd: str = setting("{repository}", "the folder that it works in")
    first_frame: str = setting("first_frame.png", "where the first frame is written, in the request's folder")
    files: Mapping[str, File] = field(default_factory=dict)
    video: str = setting("", "where the video comes out: a path, * for what is not known; not for [server]")
    encoding: str = setting("", "what the repository encodes it as, for the record: 'h264 yuv420p crf 10'")
    refuses: tuple[str, ...] = ()
    empty_prompt: bool = setting(True, "whether it makes a video of an empty prompt")
    size: int = setting(8, "requests of one [batch]", low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """[limits]: they decide no video, and may differ when a run is gone on with."""

    request_seconds: float = setting(3600.0, "that a request may take (a batch: so many for each of it)", above=0)
    start_seconds: float = setting(1800.0, "that a [server] may take until it answers requests", above=0)
    memory_gb: float = setting(0.0, "that the process and its children may hold (not on the GPU); 0 is no limit", low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A whole file. `here` is its folder."""

    here: Path
    name: str = setting("", "the column in the tables; without it the file's name")
    title: str = setting("a research repository", "one line that says what it is")
    paper: str = setting("", "citation or address")
    licence: str = setting("", "of code and weights, as their authors state it")
    repository: str = setting(".", "its folder; without it that of the TOML file")
    python: str = setting(
        "", "its interpreter; without it REPOSITORY/.venv/bin/python, then REPOSITORY/venv/bin/python"
    )
    conda: str = setting("", "or the name of its conda environment")
    mode: str = setting("", "which of [server], [batch], [once] is taken; without it the first of these that is there")
    height: int = setting(0, "native height in pixels; without it the protocol's", low=1)
    width: int = setting(0, "native width in pixels; without it the protocol's", low=1)
    num_frames: int = setting(0, "native number of frames; without it the protocol's", low=1)
    fps: float = setting(0.0, "frames per second of its videos; without it the protocol's", above=0)
    size_multiple: int = setting(0, "height and width must be multiples of it", low=1)
    needs_gpu: bool = setting(False, "whether it is hopeless on a CPU")
    uses_seed: bool = setting(True, "false: nothing in it is random")
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    once: Way | None = None
    batch: Way | None = None
    server: Way | None = None

    @property
    def way(self) -> Way:
        """The way that `mode` takes."""
        way: Way = getattr(self, self.mode)
        return way

    @property
    def model_places(self) -> tuple[str, ...]:
        """Placeholders that are the same for every request."""
        return (*MODEL, *(f"checkpoint.{name}" for name in self.checkpoints))


def parse(data: Mapping[str, Any], here: Path, stem: str) -> Description:
    """The description that a TOML file holds.

    Raises:
        ValueError: Naming the field, what is expected and what was found.
    """
    given = {"name": stem, **data}
    if "mode" not in given:
        given["mode"] = next((mode for mode in MODES if mode in given), "")
    made: Description = fill(Description, given, here=here)
    if not made.name.strip():
        raise ValueError("name: is empty")
    if made.mode not in MODES or getattr(made, made.mode) is None:
        there = [f"[{mode}]" for mode in MODES if getattr(made, mode) is not None]
        raise ValueError(
            f"mode: expected one of the tables that say how it is called, {', '.join(there)}; got {made.mode!r}"
            if there
            else "expected a table [server], [batch] or [once], which says how it is called; there is none"
        )
    if bool(made.height) != bool(made.width):
        raise ValueError("height and width: expected both or neither")
    if made.python and made.conda:
        raise ValueError("python and conda: expected one of them, got both")
    _check_places(made)
    for mode in MODES:
        if (way := getattr(made, mode)) is not None:
            _check_way(made, mode, way)
    return made


def _check_places(made: Description) -> None:
    check_json("config", made.config)
    check("config", made.config, {*made.model_places, *RUN, *REQUEST})
    check("environment", made.environment, made.model_places)
    for name, checkpoint in made.checkpoints.items():
        if not checkpoint.path:
            raise ValueError(f"checkpoints.{name}.path: is missing")
        check(f"checkpoints.{name}.path", checkpoint.path, ("repository",))


def _check_way(made: Description, mode: str, way: Way) -> None:
    if not way.command:
        raise ValueError(f"{mode}.command: expected a list of texts, ['{{python}}', 'generate.py', ...]")
    own = {"once": {*RUN, *REQUEST}, "batch": set(RUN), "server": set[str]()}[mode]
    for_command = {*made.model_places, *own} | ({CONFIG} if mode == "once" else set())
    check(f"{mode}.command", way.command, for_command, command=True)
    check(f"{mode}.cwd", way.cwd, {*made.model_places, *own})
    _check_inside(f"{mode}.first_frame", way.first_frame)
    check(f"{mode}.first_frame", way.first_frame, ("index",))
    for path, file in way.files.items():
        _check_file(made, mode, path, file)
    if mode == "server":
        if way.video:
            raise ValueError("server.video: not taken: a server answers with the path of each video")
        return
    if not way.video:
        raise ValueError(f"{mode}.video: is missing: where the video comes out, as '{{out_dir}}/*.mp4'")
    check(f"{mode}.video", way.video, {*made.model_places, *RUN, "index"})
    for what, text in (("first_frame", way.first_frame), ("video", way.video)):
        if mode == "batch" and "index" not in names_in(text):
            raise ValueError(f"batch.{what}: expected {{index}} in it, which tells the requests of a batch apart")
    _check_seed(made, mode, way)


def _check_seed(made: Description, mode: str, way: Way) -> None:
    contents = [one for file in way.files.values() for one in (file.text, file.data, file.each)]
    used = names_in([*way.command, *contents])
    if CONFIG in used:
        used |= names_in(made.config)
    if made.uses_seed and "seed" not in used:
        raise ValueError(
            f"{mode}: nothing in its command and files takes {{seed}}, so that no seed would decide its videos; "
            "if nothing in it is random, say uses_seed = false"
        )


def _check_file(made: Description, mode: str, path: str, file: File) -> None:
    where = f"{mode}.files.'{path}'"
    _check_inside(where, path)
    check(where, path, ("index",))
    check_json(where, file.data if file.data is not None else file.each if file.each is not None else "")
    given = [name for name in ("text", "data", "each") if getattr(file, name) not in ("", None)]
    if len(given) != 1:
        raise ValueError(f"{where}: expected one of text, data, each; got {' and '.join(given) or 'none'}")
    shared = mode == "batch" and "index" not in names_in(path)
    known = {*made.model_places, *RUN, CONFIG} | (set() if shared and given != ["each"] else set(REQUEST))
    if shared and given != ["each"] and names_in(made.config) & set(REQUEST):
        known -= {CONFIG}
    check(f"{where}.{given[0]}", getattr(file, given[0]), known)
    suffix = PurePosixPath(path).suffix
    if given == ["data"] and suffix not in (".json", ".yaml", ".yml"):
        raise ValueError(f"{where}.data: expected a file named .json or .yaml")
    if given == ["each"] and not isinstance(file.each, {".csv": list, ".txt": str}.get(suffix, object)):
        raise ValueError(f"{where}.each: expected a list for .csv and a text for .txt, got {file.each!r}")
    if given == ["each"] and suffix not in (".txt", ".csv", ".jsonl", ".json", ".yaml", ".yml"):
        raise ValueError(f"{where}.each: expected a file named .txt, .csv, .jsonl, .json or .yaml")


def _check_inside(where: str, path: str) -> None:
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise ValueError(f"{where}: expected a path inside the request's folder, got '{path}'")
