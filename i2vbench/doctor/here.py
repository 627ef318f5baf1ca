"""Checks that import nothing beyond Python's own library and what reads the facts of packages."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from i2vbench import __version__
from i2vbench.doctor.finding import Finding
from i2vbench.extras import PURPOSES, installing
from i2vbench.weights.catalogue import human_size
from i2vbench.weights.places import cache_folder, offline

LEAST_PYTHON = (3, 11)
LITTLE_BYTES = 10 * 10**9
"""Less free room than this is said: the paper's checkpoints alone take more."""

COUNTING_SECONDS = 2.0
"""A folder is measured for so long at most; one on a network may hold millions of files."""

PROGRAMS = {
    ("git",): "records the commit of an external: model's repository",
    ("deno", "node"): "YouTube's JavaScript, for data download",
}
"""What of other programs is used, any one of a row, and for what."""


def python() -> Iterator[Finding]:
    says = f"{platform.python_version()} at {sys.executable}, on {platform.platform(terse=True)}"
    new_enough = sys.version_info >= LEAST_PYTHON
    least = ".".join(map(str, LEAST_PYTHON))
    yield Finding(
        name="python", state="works" if new_enough else "broken", says=says, essential=True,
        get="" if new_enough else f"Python {least} or newer",
    )  # fmt: skip
    yield Finding(name="i2vbench", state="works", says=f"{__version__} at {Path(__file__).parents[1]}")
    base, _ = _requirements()
    lacking = [text for requirement in base if (text := _lacks(requirement))]
    if lacking:
        yield Finding(
            name="packages", state="broken", says="; ".join(lacking), essential=True,
            get="pip install --upgrade i2vbench, in an environment of its own",
        )  # fmt: skip
    else:
        yield Finding(name="packages", state="works", says=f"all {len(base)} that are required, as new as required")


def extras() -> Iterator[Finding]:
    _, of_extras = _requirements()
    for extra, purpose in PURPOSES.items():
        lacking = [text for requirement in of_extras.get(extra, []) if (text := _lacks(requirement))]
        yield Finding(
            name=extra, state="missing" if lacking else "works",
            says=purpose + (f" ({'; '.join(lacking)})" if lacking else ""),
            get=installing(extra) if lacking else "",
        )  # fmt: skip


def programs() -> Iterator[Finding]:
    for names, purpose in PROGRAMS.items():
        found = next((path for name in names if (path := shutil.which(name))), None)
        yield Finding(
            name=" or ".join(names),
            state="works" if found else "missing",
            says=purpose + (f": {found}" if found else ""),
            get="" if found else "your system's packages have it",
        )


def folders() -> Iterator[Finding]:
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub")
    yield _folder("cache", cache_folder(), "I2VBENCH_CACHE")
    yield _folder("hub's cache", hub.expanduser(), "HF_HOME")
    try:
        yield _folder("temporary", Path(tempfile.gettempdir()), "TMPDIR", count=False, essential=True)
    except OSError as error:
        yield Finding(name="temporary", state="broken", says=str(error), get="export TMPDIR=FOLDER", essential=True)
    try:
        yield _folder("here", Path.cwd(), "", count=False)
    except FileNotFoundError:
        yield Finding(name="here", state="broken", says="the folder that you are in is gone", get="cd, to another")


def network() -> Iterator[Finding]:
    if offline():
        yield Finding(name="HF_HUB_OFFLINE", state="note", says="set: nothing is fetched", get="unset HF_HUB_OFFLINE")
    else:
        yield Finding(name="HF_HUB_OFFLINE", state="works", says="not set: weights fetch may use the network")
    for name in ("HF_ENDPOINT", "HTTPS_PROXY", "https_proxy"):
        if os.environ.get(name):
            yield Finding(name=name, state="note", says="set: what is fetched comes by it")


def ray() -> Iterator[Finding]:
    try:
        says = f"{version('ray')}: run --engine ray"
    except PackageNotFoundError:
        yield Finding(name="ray", state="missing", says="run --engine ray", get=installing("ray"))
        return
    address = os.environ.get("RAY_ADDRESS")
    where = f"takes the cluster at RAY_ADDRESS={address}" if address else "begins a cluster on this machine"
    yield Finding(name="ray", state="works", says=f"{says} {where}; --address names another")


def _requirements() -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """(what i2vbench stands on here, what each extra adds)."""
    base, extras = [], defaultdict(list)
    for text in requires("i2vbench") or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            base.append(requirement)
            continue
        for extra in PURPOSES:
            if marker.evaluate({"extra": extra}):
                extras[extra].append(requirement)
    return base, extras


def _lacks(requirement: Requirement) -> str:
    """What is wrong with a package that is required; "" where nothing is."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"no {requirement.name}"
    if not requirement.specifier.contains(found, prereleases=True):
        return f"{requirement.name} {found}, expected {requirement.specifier}"
    return ""


def _folder(name: str, path: Path, variable: str, *, count: bool = True, essential: bool = False) -> Finding:
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    get = f"export {variable}=FOLDER" if variable else "another folder, or run --out FOLDER"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "cannot be written to" if there.is_dir() else "is a file"
        return Finding(name=name, state="broken", says=f"{path}: {there} {why}", get=get, essential=essential)
    free = shutil.disk_usage(there).free
    holds = f"{_size(path)}, " if count and path.is_dir() else "not there yet, " if not path.exists() else ""
    says = f"{path}: {holds}{human_size(free)} free"
    return Finding(
        name=name, state="note" if free < LITTLE_BYTES else "works", says=says, get=get if free < LITTLE_BYTES else ""
    )


def _size(folder: Path) -> str:
    """How much a folder holds, or at least holds where it is too large to be counted soon."""
    end, total = time.monotonic() + COUNTING_SECONDS, 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:  # it has just gone
                continue
        if time.monotonic() > end:
            return f"more than {human_size(total)}"
    return human_size(total)
