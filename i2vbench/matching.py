"""Files made elsewhere, one for each thing that a run wants, named by its id: the only key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from i2vbench.errors import UserError

MOST_LISTED = 20

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Wanted(Generic[Key]):
    """One thing that a file is wanted of.

    Attributes:
        key: What the file is found by afterwards.
        sample_id: Whose it is, in messages.
        names: What the file may be called, without its suffix; the last one is what a missing one is told by.
    """

    key: Key
    sample_id: str
    names: Sequence[str]


def match_files(
    folder: Path,
    wanted: Sequence[Wanted[Key]],
    suffixes: Sequence[str],
    left_out: Callable[[str], bool],
    what: str,
    one_of: str,
) -> dict[Key, Path]:
    """The file of each wanted thing, by its key.

    Args:
        folder: Where they lie, not below.
        wanted: All of them.
        suffixes: Of files that count, in lower case; the first one stands in messages.
        left_out: Whether a file of that name, without its suffix, belongs to what the run leaves out, and is passed
            over.
        what: The files, as "videos".
        one_of: What each is of, as "clip".

    Raises:
        UserError: Listing every thing without a file, every file without a thing, and every thing with two.
    """
    found = _by_name(folder, suffixes, what)
    files: dict[Key, Path] = {}
    faults = []
    for one in wanted:
        paths = [path for name in one.names for path in found.pop(name, [])]
        if not paths:
            faults.append(f"missing: {one.names[-1]}{suffixes[0]}")
        elif len(paths) > 1:
            faults.append(f"more than one for '{one.sample_id}': {', '.join(path.name for path in paths)}")
        else:
            files[one.key] = paths[0]
    faults += [
        f"belongs to no {one_of} of the data set: {path.name}"
        for stem, paths in found.items()
        for path in paths
        if not left_out(stem)
    ]
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults[:MOST_LISTED])
        more = f"\n  and {len(faults) - MOST_LISTED} more" if len(faults) > MOST_LISTED else ""
        raise UserError(
            f"the {what} in {folder} do not match the run's {len(wanted)} {one_of}s, one file per {one_of} named by "
            f"its id:{listed}{more}"
        )
    return files


def _by_name(folder: Path, suffixes: Sequence[str], what: str) -> dict[str, list[Path]]:
    """The files of a folder by their names without suffix; hidden ones are none."""
    found: dict[str, list[Path]] = defaultdict(list)
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"the {what}' folder {folder} cannot be read: {error.strerror}") from error
    for path in paths:
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            found[path.stem].append(path)
    return found
