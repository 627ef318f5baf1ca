"""Where checkpoints are kept: the hub's own cache for what comes from there, a folder of ours for the rest.

$I2VBENCH_CACHE, else $XDG_CACHE_HOME/i2vbench, else ~/.cache/i2vbench
    weights/NAME/FILE                the file
    weights/NAME/record.json         what was seen of it
    weights/NAME/partial/FILE        a download on its way
    weights/NAME/lock
$HF_HOME/hub/models--OWNER--REPO     files of the hub, as every program keeps them
bundled/FILE beside this module      what comes with i2vbench
site-packages/PACKAGE/FILE           what comes with an extra of it
"""

from __future__ import annotations

import os
from pathlib import Path

from i2vbench.files import package_folders
from i2vbench.weights.catalogue import Checkpoint, hub_source

BUNDLED = Path(__file__).with_name("bundled")


def cache_folder() -> Path:
    """The folder for what does not come from the hub."""
    if given := os.environ.get("I2VBENCH_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "i2vbench"


def own_folder(entry: Checkpoint) -> Path:
    return cache_folder() / "weights" / entry.name


def partial_file(entry: Checkpoint) -> Path:
    """What a file is called until it is checked; it keeps its suffix, by which it is read."""
    return own_folder(entry) / "partial" / entry.file


def locate(entry: Checkpoint) -> Path | None:
    """Where the file of a checkpoint lies, unchecked: in our cache, else in its package or the hub's; or None."""
    if entry.bundled:
        bundled = BUNDLED / entry.file
        return bundled if bundled.is_file() else None
    own = own_folder(entry) / entry.file
    if own.is_file():
        return own
    return _in_package(entry) if entry.package else _in_hub_cache(entry)


def hub_folder(repo: str) -> Path:
    """The folder of a repository, OWNER/REPO, in the hub's cache, whether it is there or not."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def _in_package(entry: Checkpoint) -> Path | None:
    package, _, folder = entry.package.partition("/")
    files = [root / folder / entry.file for root in package_folders(package)]
    return next((file for file in files if file.is_file()), None)


def _in_hub_cache(entry: Checkpoint) -> Path | None:
    """In the revision that the catalogue names; in any other where it names none, or pins the contents."""
    sources = [source for source in map(hub_source, entry.sources) if source and source.file]
    for source in sources:
        snapshots = hub_folder(source.repo) / "snapshots"
        found = sorted(snapshots.glob(f"*/{source.file}"))
        named = [path for path in found if source.revision and path.is_relative_to(snapshots / source.revision)]
        if entry.pinned or source.revision is None:
            named += found
        if named:
            return named[0]
    return None


def offline() -> bool:
    """Whether the user forbids the network, in the way the hub's library understands."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
