"""The source of a model's adapter: what a reader of a leaderboard may want to see. Here it is text, and never run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.leaderboards.submission.archive import Archive
from i2vbench.registry import MODELS
from i2vbench.store import folder_name

_TOLD_BY_FILE = ("external", "http")
"""Models that a TOML file describes."""

_NOT_IN_FILE = ("code", "versions")
"""Recorded settings of such a model that are no text of the file."""

_FACTS = ("height", "width", "num_frames", "fps", "size_multiple")
"""What the file states of its videos. Titles and the like may be mended."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Where a model's adapter is, and the member that it becomes."""

    path: Path
    member: str


def find_adapter(name: str, record: Mapping[str, Any]) -> Adapter | None:
    """The file that makes a model, or describes it; None where a package does.

    Args:
        name: Of the model's column.
        record: The run's record of it.

    Raises:
        UserError: It is not there any more, or not as it was when the run was made.
    """
    spec, folder = record["spec"], f"adapters/{folder_name(name)}"
    if MODELS.is_file(spec):
        path = Path(spec.rpartition(":")[0])
        if file_sha256(path) != record.get("source_sha256"):
            raise UserError(
                f"{path} has changed since the run: what made the videos of {name} is not what would be packed. "
                "Bring the file back as it was, or run it again"
            )
        return Adapter(path, f"{folder}/source.py")
    kind, _, argument = spec.partition(":")
    if kind not in _TOLD_BY_FILE:
        return None
    path = Path(MODELS.builtin[kind].split(argument)[1])
    if path.suffix != ".toml":
        return None
    if not path.is_file():
        raise UserError(f"the file {path}, which describes the model {name}, is not there any more: bring it back")
    if changed := _changed(spec, record):
        raise UserError(
            f"{path} has changed since the run: it says otherwise of {', '.join(changed)} than what made the videos of "
            f"{name}. Bring the file back as it was, or run it again"
        )
    return Adapter(path, f"{folder}/settings.toml")


def _changed(spec: str, record: Mapping[str, Any]) -> list[str]:
    """What a file says otherwise now than a run recorded, of what decides the videos; the rest may have changed.

    Raises:
        UserError: It is no description any more.
    """
    model: Any = MODELS.create(spec)
    stated = json.loads(json.dumps(model.stated()))
    settings = {name: value for name, value in record.get("settings", {}).items() if name not in _NOT_IN_FILE}
    names = [name for name in dict.fromkeys([*settings, *stated]) if settings.get(name) != stated.get(name)]
    return names + [name for name in _FACTS if record["info"].get(name) != getattr(model.info, name)]


def faults_of_adapters(archive: Archive, settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the sources in an archive, by what run.json says of them."""
    found, wanted = [], {f"adapters/{folder_name(name)}": name for name in settings["models"]}
    hashes: dict[str, str] = {}
    for member in archive.under("adapters"):
        folder = member.rpartition("/")[0]
        if folder not in wanted:
            found.append(f"{member} is of no model of the run")
        try:
            text = archive.read(member).decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            found.append(f"{member} is no text")
        hashes[member] = file_sha256_of(archive, member)
    for folder, name in wanted.items():
        record = settings["models"][name]
        stated = record.get("source_sha256")
        if stated is None and MODELS.is_file(record["spec"]):
            found.append(f"run.json names a file that makes {name}, and not its hash")
        if stated is not None and hashes.get(f"{folder}/source.py") != stated:
            there = f"{folder}/source.py" in hashes
            found.append(
                f"{folder}/source.py is not the file that run.json names for {name}"
                if there
                else f"the source of the adapter of {name} is not in the archive"
            )
    return found


def file_sha256_of(archive: Archive, member: str) -> str:
    """The SHA-256 of a member."""
    total = hashlib.sha256()
    for piece in archive.stream(member):
        total.update(piece)
    return total.hexdigest()
