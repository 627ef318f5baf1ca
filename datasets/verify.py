"""Is a data set, named in any way, what it says it is?"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from i2vbench.datasets.base import Dataset
from i2vbench.datasets.check import Tell, check_contents, check_files
from i2vbench.datasets.folder import FolderDataset, describe_missing
from i2vbench.datasets.metadata import VIDEO_SUFFIXES, read_folder
from i2vbench.errors import UserError
from i2vbench.texts import amount


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        faults: A line each.
        summary: What was looked at, and what of it could not be.
    """

    faults: list[str]
    summary: str


def verify(dataset: Dataset, quick: bool = False, tell: Tell = lambda done, total: None) -> Report:
    """Check every file of a data set.

    Args:
        dataset: The data set.
        quick: Open no file; of folders only.
        tell: Called after each file.

    Raises:
        UserError: It is not there; `quick` of one whose files state nothing.
    """
    if isinstance(dataset, FolderDataset):
        return _verify_folder(dataset.path, quick, tell)
    if quick:
        raise UserError(f"--quick compares what a metadata.csv states, and {dataset.name} has none; leave it out")
    samples = dataset.samples()
    faults = check_files(samples, tell)
    note = f"; {dataset.note}" if dataset.note else ""
    return Report(faults, f"{dataset.name}: {amount(len(samples), 'clip')}, {amount(len(faults), 'fault')}{note}")


def _verify_folder(folder: Path, quick: bool, tell: Tell) -> Report:
    contents = read_folder(folder)
    faults, rows, missing = check_contents(contents, tell, quick), contents.rows, contents.missing
    files = {row.sample.first_frame.path for row in rows}
    hashed = {row.sample.first_frame.path for row in rows if row.facts.sha256}
    said = [amount(len(rows), "clip"), amount(len(faults), "fault")]
    if len(hashed) < len(files):
        said.append(f"no sha256 is stated of {amount(len(files) - len(hashed), 'file')}")
    if missing:
        said.append(describe_missing(missing))
    if strays := _strays(folder, files):
        listed = f"{', '.join(strays[:5])}{', ...' if len(strays) > 5 else ''}"
        said.append(f"in no row: {amount(len(strays), 'video')} ({listed})")
    how = "there, with the stated bytes, unopened" if quick else "decoded"
    return Report(faults, f"{folder}: {'; '.join(said)} ({how})")


def _strays(folder: Path, named: Collection[Path]) -> list[str]:
    """Videos below the folder that no row names, relative to it; what is hidden is left out."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        videos = sorted(name for name in names if name.lower().endswith(VIDEO_SUFFIXES) and not name.startswith("."))
        found += [Path(root) / name for name in videos]
    known = {os.path.normpath(path) for path in named}
    return [path.relative_to(folder).as_posix() for path in found if os.path.normpath(path) not in known]
