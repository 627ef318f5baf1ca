"""Taking the submitter's folders out of what is packed; of a path its last part is left."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.first_frames import record as first_frames

_PATH_BEGINS = re.compile(r"(?:^|(?<=[:=]))(?:~|[A-Za-z]:)?[\\/]")
_FOLDERS = re.compile(r"(?<![\w./\\:])(?:~|[A-Za-z]:)?[\\/](?:[^\s\\/:'\"=]+[\\/])+")


def short_spec(spec: str) -> str:
    """A name with the path in it, if that begins at the root, shortened to ./ and its last part.

    Example:
        >>> short_spec("videos:mine=/data/of me/clips"), short_spec("/home/me/my_model.py:MyModel")
        ('videos:mine=./clips', './my_model.py:MyModel')
    """
    begins = _PATH_BEGINS.search(spec)
    if begins is None:
        return spec
    parts = [part for part in re.split(r"[\\/]", spec[begins.start() :]) if part]
    return f"{spec[: begins.start()]}./{parts[-1] if parts else ''}"


class Folders:
    """What is taken out of texts: folders of this machine, wherever they stand in them.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        known = {str(run), str(run.resolve()), str(Path.home()), str(Path.cwd())}
        # The longest first, or what is left of a longer one would name the folder inside the shorter one.
        self._known = sorted((folder for folder in known if len(Path(folder).parts) > 1), key=len, reverse=True)

    def out_of(self, text: str) -> str:
        for folder in self._known:
            text = re.sub(rf"{re.escape(folder)}([\\/]|(?![\w.-]))", lambda end: "" if end[1] else ".", text)
        return _FOLDERS.sub("", text)

    def out_of_all(self, value: Any) -> Any:
        """The same of every text in a value that JSON holds; names of fields stay."""
        if isinstance(value, str):
            return self.out_of(value)
        if isinstance(value, Mapping):
            return {name: self.out_of_all(item) for name, item in value.items()}
        if isinstance(value, Sequence):
            return [self.out_of_all(item) for item in value]
        return value


def shortened_settings(settings: Mapping[str, Any], folders: Folders) -> tuple[dict[str, Any], list[str]]:
    """`run.json` without folders, and which of its names have lost a path."""
    found: dict[str, Any] = folders.out_of_all({**settings, "dataset": _without_spec(settings["dataset"])})
    shortened: list[str] = []
    found["dataset"] = {"spec": short_spec(settings["dataset"].get("spec", "")), **found["dataset"]}
    for kind in ("models", "metrics"):
        for name, record in settings[kind].items():
            found[kind][name]["spec"] = short_spec(record["spec"])
            if found[kind][name]["spec"] != record["spec"]:
                shortened.append(f"{kind}.{name}.spec")
    if found["dataset"]["spec"] != settings["dataset"].get("spec", ""):
        shortened.append("dataset.spec")
    if (spec := first_frames.spec_of(settings)) is not None:
        found[first_frames.KEY]["spec"] = short_spec(spec)
        if found[first_frames.KEY]["spec"] != spec:
            shortened.append(f"{first_frames.KEY}.spec")
    return found, shortened


def _without_spec(dataset: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dataset.items() if name != "spec"}
