"""Videos of a batch, found again by other runs: kept is where they are, and what they were."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256, link_or_copy
from i2vbench.kept.entries import read_entry, write_entry
from i2vbench.parsing import parse_json
from i2vbench.place import Place

KIND = "videos"
MOST_PLACES = 4
"""Runs that are remembered for the same videos: one that is deleted takes nothing from the others."""

_log = logging.getLogger("i2vbench")


def take_videos(key: str, names: Sequence[str], place: Place) -> str | None:
    """Bring the videos of a batch into this run from another one that has made them.

    Args:
        key: Of the batch.
        names: What they are called in this run, in the order of the requests.
        place: Of this run.

    Returns:
        The folder of the run that had them; None if there is none, or one of its files is gone or has changed.
    """
    contents = read_entry(KIND, key)
    if contents is None:
        return None
    try:
        kept = parse_json(contents)
        for folder, paths in kept["places"]:
            if _take([Path(folder) / path for path in paths], kept["sha256"], names, place):
                _remember(key, kept["sha256"], names, place, kept["places"])
                return str(folder)
    except (ValueError, TypeError, KeyError) as error:
        _log.warning("what was kept of videos cannot be read (%r)", error)
    return None


def keep_videos(key: str, names: Sequence[str], place: Place) -> None:
    """Remember where the videos of a batch are; only if other runs can find them there."""
    paths = [place.lasting(name) for name in names]
    _remember(key, [file_sha256(path) for path in paths if path is not None], names, place, [])


def _take(paths: Sequence[Path], sha256: Sequence[str], names: Sequence[str], place: Place) -> bool:
    if not all(_is(path, digest) for path, digest in zip(paths, sha256, strict=True)):
        return False
    try:
        for path, name in zip(paths, names, strict=True):
            with place.write(name) as own:
                link_or_copy(path, own)
    except FileNotFoundError:  # it has just been deleted
        return False
    return True


def _is(path: Path, sha256: str) -> bool:
    try:
        return file_sha256(path) == sha256
    except UserError:  # it is gone
        return False


def _remember(
    key: str, sha256: Sequence[str], names: Sequence[str], place: Place, places: Sequence[Sequence[object]]
) -> None:
    if any(place.lasting(name) is None for name in names):
        return
    own = [str(place.folder), list(names)]
    if own not in places:
        places = [own, *places][:MOST_PLACES]
        write_entry(KIND, key, json.dumps({"sha256": list(sha256), "places": places}).encode())
