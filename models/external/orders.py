"""What a repository is handed: a folder with the files of one request, or of many, and what every placeholder means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.models.external.description import Description, File, Way
from i2vbench.models.external.failed import Refused
from i2vbench.models.external.placeholders import CONFIG, fill_command, fill_data, fill_text, names_in
from i2vbench.models.external.writing import as_csv, as_json, as_json_lines, as_yaml
from i2vbench.types import Request
from i2vbench.video import encode_png


class Order:
    """Requests as files.

    Args:
        described: The model.
        known: Placeholders that are the same for every request.
        requests: At least one; all of one size, length and rate.
        folder: Empty, and this order's own.

    Attributes:
        folder: Where it lies.
        each: What placeholders mean for each request.

    Raises:
        Refused: A request that these files cannot hold.
    """

    def __init__(
        self, described: Description, known: Mapping[str, str], requests: Sequence[Request], folder: Path
    ) -> None:
        self.folder, self._config, self._way = folder, described.config, described.way
        out, first = folder / "out", requests[0]
        out.mkdir()
        self._shared: dict[str, Any] = {
            **known,
            "request_dir": str(folder),
            "out_dir": str(out),
            "num_frames": first.num_frames,
            "height": first.height,
            "width": first.width,
            "fps": int(first.fps) if first.fps == int(first.fps) else first.fps,
        }
        self.each = [self._values_of(request, i, len(requests)) for i, request in enumerate(requests)]
        for path, file in self._way.files.items():
            if "index" in names_in(path):
                for values in self.each:
                    self._write(fill_text(path, values), file, [values], values)
            else:
                self._write(path, file, self.each, self.values)

    @property
    def values(self) -> dict[str, Any]:
        """What placeholders mean for the whole: the request's own only where there is a single one."""
        return self.each[0] if len(self.each) == 1 else self._shared

    def command(self) -> list[str]:
        """The program and its arguments.

        Raises:
            Refused: A prompt that would be taken for an option.
        """
        if "{prompt}" in self._way.command and self.values["prompt"].startswith("-"):
            raise Refused("the prompt begins with '-' and would be taken for an option; write '--prompt={prompt}'")
        return fill_command(self._way.command, self.values)

    def cwd(self) -> Path:
        """The folder to work in."""
        return Path(fill_text(self._way.cwd, self.values))

    def videos(self) -> list[str]:
        """The pattern that finds each request's video."""
        return [fill_text(self._way.video, values) for values in self.each]

    def _values_of(self, request: Request, position: int, count: int) -> dict[str, Any]:
        index = f"{position:0{max(3, len(str(count - 1)))}d}"  # names sort as the requests do
        picture = self.folder / fill_text(self._way.first_frame, {"index": index})
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(encode_png(request.first_frame))
        prompt_file = self.folder / f"prompt-{index}.txt"
        prompt_file.write_text(request.prompt, encoding="utf-8", newline="")
        values: dict[str, Any] = {
            **self._shared,
            "index": index,
            "first_frame": str(picture),
            "prompt": request.prompt,
            "prompt_file": str(prompt_file),
            "seed": request.seed,
            "frame_stride": request.frame_stride,
        }
        return values | {CONFIG: fill_data(self._config, values)}

    def _write(self, name: str, file: File, each: Sequence[dict[str, Any]], whole: dict[str, Any]) -> None:
        if file.data is not None and CONFIG not in whole and CONFIG in names_in(file.data):
            whole = whole | {CONFIG: fill_data(self._config, whole)}
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_contents(path.suffix, file, each, whole), encoding="utf-8", newline="")


def _contents(suffix: str, file: File, each: Sequence[dict[str, Any]], whole: dict[str, Any]) -> str:
    if file.text:
        return fill_text(file.text, whole)
    if file.each is None:
        data = fill_data(file.data, whole)
    else:
        data = [fill_data(file.each, values) for values in each]
        if suffix == ".txt":
            return "".join(_line(str(item)) for item in data)
        if suffix == ".jsonl":
            return as_json_lines(data)
        if suffix == ".csv":
            return as_csv(data)
    return as_json(data) if suffix == ".json" else as_yaml(data, file.omegaconf)


def _line(text: str) -> str:
    """A text as a line of a file.

    Raises:
        Refused: It has several.
    """
    if "\n" in text or "\r" in text:
        raise Refused("the prompt has a line end, and this repository takes a line for each prompt")
    return text + "\n"


def refusal(way: Way, prompt: str) -> Refused | None:
    """Why a prompt cannot be handed to a repository; None if it can."""
    if "\0" in prompt or any("\ud800" <= c <= "\udfff" for c in prompt):
        return Refused("the prompt has a character that neither files nor command lines can hold")
    if not prompt.strip() and not way.empty_prompt:
        return Refused("the prompt is empty, and this repository makes no video without one")
    for text in way.refuses:
        if text in prompt:
            return Refused(f"the prompt has {text!r}, which this repository takes for something else")
    return None
