"""From what a user names to a description whose paths are known: shipped files, `base`, the repository, its Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.external.description import MODES, Description, Way, parse
from i2vbench.models.external.placeholders import fill_text, names_in
from i2vbench.names import nearest, split_label
from i2vbench.toml_fields import read_toml, texts_in

SHIPPED = Path(__file__).with_name("shipped")
DRIVERS = Path(__file__).with_name("drivers")

_CONDA_HOMES = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", "miniconda", "anaconda")


def shipped() -> dict[str, Path]:
    """The files that come with i2vbench, by the word that names each."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def describe(argument: str) -> Description:
    """What `external:ARGUMENT` means: FILE.toml, NAME=FILE.toml, WORD=REPOSITORY or WORD.

    Raises:
        UserError: There is no such file or word, or the file is not as it must be.
    """
    words = shipped()
    label, path = ("", argument) if argument in words else split_label(argument)
    if path in words and not label:
        return _read(words[path], path)
    if path.endswith(".toml"):
        found = read(Path(path).expanduser())
        return replace(found, name=label) if label else found
    if label in words:
        return replace(_read(words[label], label), repository=str(Path(path).expanduser().absolute()))
    what = (
        f"'{label}' is none of those that come with i2vbench: {nearest(label, words)}"
        if label
        else nearest(path, words)
    )
    raise UserError(f"model 'external:{argument}': expected FILE.toml, NAME=FILE.toml or WORD=REPOSITORY; {what}")


def read(path: Path) -> Description:
    """The description in a user's file.

    Raises:
        UserError: As `describe`.
    """
    return _read(path, path.stem)


def _read(path: Path, stem: str) -> Description:
    hint = "i2vbench adapter new NAME --from seine writes one to begin with"
    data = read_toml(path, "external model", hint)
    here = DRIVERS.parent if path.parent == SHIPPED else path.parent.absolute()
    try:
        return parse(_with_base(data), here, stem)
    except ValueError as error:
        raise UserError(f"external model {path}: {error}") from error


def _with_base(data: dict[str, Any]) -> dict[str, Any]:
    """A file's fields over those of the shipped file that it names as its base; tables that both have are joined.

    Raises:
        ValueError: There is none of that name.
    """
    if "base" not in data:
        return data
    words, name = shipped(), data["base"]
    if not isinstance(name, str) or name not in words:
        raise ValueError(f"base '{name}': {nearest(str(name), words)}")
    base = _with_base(read_toml(words[name], "external model", ""))
    changed = {key: value for key, value in data.items() if key != "base"}
    if {"python", "conda"} & changed.keys():  # one names the interpreter in the other's place
        base = {key: value for key, value in base.items() if key not in ("python", "conda")}
    return _over({key: value for key, value in base.items() if key != "name"}, changed)


def _over(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    joined = {
        name: _over(base[name], value) if isinstance(value, dict) and isinstance(base.get(name), dict) else value
        for name, value in changed.items()
    }
    return {**base, **joined}


class Places:
    """The paths that a description comes to on this machine.

    Attributes:
        repository: Its folder.
        python: Its interpreter.
        checkpoints: By name.
    """

    def __init__(self, described: Description) -> None:
        """Find them all.

        Raises:
            UserError: Listing everything that is missing.
        """
        self._described = described
        faults: list[str] = []
        self.repository = self._find_repository(faults)
        self._known = not faults
        self.python = self._find_python(faults)
        self.checkpoints: dict[str, Path] = {}
        for name, checkpoint in described.checkpoints.items():
            path = self._absolute(fill_text(checkpoint.path, {"repository": str(self.repository)}))
            self.checkpoints[name] = path
            if not _is_there(path) and (self._known or "repository" not in names_in(checkpoint.path)):
                source = f", to be had from {checkpoint.source}" if checkpoint.source else ""
                faults.append(f"there is no checkpoint {path}{source} (checkpoints.{name}.path)")
        if self._known:
            faults += [f"there is no {path}; is {self.repository} the repository?" for path in self._missing_scripts()]
        if faults:
            listed = "".join(f"\n  {fault}" for fault in faults)
            raise UserError(f"model '{described.name}' cannot be run yet:{listed}")

    @property
    def values(self) -> dict[str, str]:
        """What placeholders stand for that are the same for every request."""
        return {
            "repository": str(self.repository),
            "python": self.python,
            "drivers": str(DRIVERS),
            "here": str(self._described.here),
            **{f"checkpoint.{name}": str(path) for name, path in self.checkpoints.items()},
        }

    def named_files(self) -> list[Path]:
        """Files that the command and [config] name: scripts, drivers, settings; not the interpreter or checkpoints."""
        way, known = self._described.way, {**self.values, "device": "", "dtype": ""}
        found: dict[Path, None] = {}
        for text in [*way.command, *texts_in(self._described.config)]:
            named = text.partition("=")[2] if text.startswith("-") else text
            if named in ("", "{python}") or not names_in(named) <= known.keys():
                continue
            path = Path(self._cwd(way, known), fill_text(named, known))
            # Not is_file(): a long text that is no path is an error to it, and so below.
            if os.path.isfile(path) and not any(path.is_relative_to(one) for one in self.checkpoints.values()):
                found[path] = None
        return list(found)

    def _missing_scripts(self) -> list[Path]:
        """Scripts of every way to call it: of a server, whose command is a driver, the others know the repository's."""
        ways = [way for mode in MODES if (way := getattr(self._described, mode)) is not None]
        named = [self._script(text, way) for way in ways for text in way.command]
        return [path for path in dict.fromkeys(named) if path and not os.path.exists(path)]

    def _script(self, text: str, way: Way) -> Path | None:
        """The Python file that an element of a command is, if it is one and depends on no request."""
        known = {**self.values, "device": "", "dtype": ""}
        if not text.endswith(".py") or not names_in(text) <= known.keys():
            return None
        return Path(self._cwd(way, known), fill_text(text, known))

    def _cwd(self, way: Way, known: Mapping[str, str]) -> str:
        """The folder that a way works in; the repository, where it is a request's own."""
        return fill_text(way.cwd, known) if names_in(way.cwd) <= known.keys() else str(self.repository)

    def _absolute(self, text: str) -> Path:
        return Path(os.path.normpath(self._described.here / Path(text).expanduser()))

    def _find_repository(self, faults: list[str]) -> Path:
        folder = self._absolute(self._described.repository)
        if not self._described.repository:
            word = f"external:{self._described.name}" if self._described.name in shipped() else "external:WORD"
            faults.append(f"its repository is not named: write {word}=REPOSITORY, or repository = '...' in a TOML file")
        elif not os.path.isdir(folder):
            faults.append(f"there is no folder {folder} (repository)")
        return folder

    def _find_python(self, faults: list[str]) -> str:
        described = self._described
        if described.conda:
            return _conda_python(described.conda, faults)
        given = described.python
        if given and "/" not in given:
            found = shutil.which(given)
            if not found:
                faults.append(f"there is no program '{given}' (python)")
            return found or given
        if given:
            path = self._absolute(given)
            if not os.access(path, os.X_OK) or os.path.isdir(path):
                faults.append(f"there is no program {path} (python)")
            return str(path)
        tried = [self.repository / folder / "bin" / "python" for folder in (".venv", "venv")]
        for path in tried:
            if os.access(path, os.X_OK):
                return str(path)
        if self._known:
            faults.append(
                f"its Python is not found: there is no {tried[0]} and no {tried[1]}; name it in a TOML file, "
                "python = '/path/of/bin/python' or conda = 'NAME'"
            )
        return str(tried[0])


def _conda_python(name: str, faults: list[str]) -> str:
    """The interpreter of a conda environment, by its name."""
    listed = Path("~/.conda/environments.txt").expanduser()
    try:
        known = [Path(line.strip()) for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        known = []
    roots = [os.environ.get(variable, "") for variable in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT", "CONDA_PREFIX")]
    homes = [*filter(None, roots), *(str(Path.home() / home) for home in _CONDA_HOMES)]
    folders = [path for path in known if path.name == name] + [Path(home, "envs", name) for home in homes]
    for folder in folders:
        if os.access(folder / "bin" / "python", os.X_OK):
            return str(folder / "bin" / "python")
    faults.append(f"there is no conda environment '{name}' (conda); name its interpreter: python = '.../bin/python'")
    return name


def _is_there(path: Path) -> bool:
    try:
        return os.path.isfile(path) or (os.path.isdir(path) and any(path.iterdir()))
    except PermissionError:  # it is said when it is read
        return True
