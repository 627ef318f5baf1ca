"""What decides a repository's videos beside the request: its code, its checkpoints, and its environment's packages."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from i2vbench.attempt import describe
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.models.external.process import environment
from i2vbench.models.external.reading import Places
from i2vbench.weights.hashes import content_sha256

PACKAGES = ("torch", "torchvision", "diffusers", "transformers", "xformers", "numpy", "open_clip_torch", "accelerate")
"""Packages of the repository's environment whose version can move a video."""

_VERSIONS = """
import json, platform, sys
found = {"python": platform.python_version()}
try:
    from importlib.metadata import version
except ImportError:
    version = None
for name in sys.argv[1:] if version else []:
    try:
        found[name] = version(name)
    except Exception:
        pass
print(json.dumps(found))
"""
_SECONDS = 120.0
_LEFT_OUT = frozenset({"venv", "env", "node_modules", "__pycache__", "site-packages"})
_log = logging.getLogger("i2vbench")


def code_of(repository: Path) -> dict[str, str]:
    """The repository's commit, and a hash of what differs from it; without git, a hash of its Python files.

    Of files that git does not know, Python ones count, and no other: most repositories write their videos there.
    """
    if (repository / ".git").exists():
        commit = _git(repository, "rev-parse", "HEAD")
        changes = _git(repository, "diff", "HEAD", "--binary", "--submodule=diff", "--no-ext-diff", "--no-color")
        if commit is not None and changes is not None:
            new = _git(repository, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py") or b""
            names = [Path(os.fsdecode(name)) for name in new.split(b"\0") if name]
            changes += _hashes(repository, [repository / name for name in names if not _is_left_out(name.parts[:-1])])
            found = {"commit": commit.decode().strip()}
            return found | ({"changes_sha256": hashlib.sha256(changes).hexdigest()} if changes else {})
    return {"python_files_sha256": hashlib.sha256(_hashes(repository, _python_files(repository))).hexdigest()}


def versions_of(python: str) -> dict[str, str]:
    """Versions of Python and of `PACKAGES` in an environment.

    Raises:
        UserError: Its Python does not run.
    """
    try:
        done = subprocess.run(
            [python, "-c", _VERSIONS, *PACKAGES],
            capture_output=True,
            env=environment({}, "cpu", python),
            timeout=_SECONDS,
            check=True,
        )
        found: dict[str, str] = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise UserError(f"{python}: is no Python that runs: exit code {error.returncode}: {said}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise UserError(f"{python}: is no Python that runs: {describe(error)}") from error
    return found


def files_hash(places: Places) -> str:
    """One hash of all checkpoints, and of the files that the command and [config] name; large ones are read once.

    Raises:
        UserError: A file cannot be read.
    """
    total = hashlib.sha256()
    try:
        for name, root in sorted(places.checkpoints.items()):
            for path in sorted(_files(root)):
                within = path.relative_to(root) if root.is_dir() else ""
                total.update(f"{name} {within} {content_sha256(path)}\n".encode("utf-8", "surrogateescape"))
        for path in places.named_files():
            total.update(f"{path.name} {content_sha256(path)}\n".encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error
    return total.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    """The files of a checkpoint.

    Raises:
        OSError: A folder that cannot be listed.
        UserError: A link to what is not there.
    """
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]  # a hub's clone has its .git there
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            if not path.exists():
                raise UserError(f"{path}: is a link to what is not there; the checkpoint is not whole")
            if path.is_file():
                yield path


def _refuse(error: OSError) -> None:
    raise error


def _python_files(repository: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(repository):
        folders[:] = [name for name in folders if not _is_left_out([name])]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def _is_left_out(folders: Iterable[str]) -> bool:
    """Whether a folder is one of those that hold no code of the repository's own."""
    return any(name.startswith(".") or name in _LEFT_OUT for name in folders)


def _hashes(root: Path, paths: Iterable[Path]) -> bytes:
    """A line for each file that is there, in the order of their names."""
    files = sorted(path for path in paths if path.is_file())
    return b"".join(os.fsencode(f"{path.relative_to(root)} {file_sha256(path)}\n") for path in files)


def _git(repository: Path, *arguments: str) -> bytes | None:
    """What git says; None where it is not there, or does not say it."""
    # Without safe.directory git refuses a repository that another user owns.
    command = ["git", "-c", "safe.directory=*", "-C", str(repository), *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("git says nothing of %s: %s", repository, describe(error))
        return None
