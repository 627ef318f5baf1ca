"""Files of the Hugging Face hub, fetched by its own library into its own cache."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.names import HUB_NAME, is_hub_name
from i2vbench.weights.catalogue import HubSource
from i2vbench.weights.check import hashes
from i2vbench.weights.http import SourceError, Tell
from i2vbench.weights.places import hub_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT = re.compile(r"[0-9a-f]{40}")
_LOOK_SECONDS = 0.5


def fetch_file(source: HubSource, *, anew: bool) -> Path:
    """A file of the hub in its cache; `anew` where the one that is there is bad.

    Raises:
        SourceError: It could not be had.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(source.repo, source.file, revision=source.revision, force_download=anew))
    except Exception as error:  # the library's own kinds, and those of what it is built on
        reason = error.__cause__ or error  # it wraps what happened in a text about the cache
        raise SourceError(str(reason).strip().partition("\n")[0] or type(reason).__name__) from error


def find_folder(name: str) -> Path | None:
    """A folder, or a repository's snapshot in the hub's cache; None if that is not there.

    Args:
        name: A folder, or OWNER/REPO[@REVISION].

    Raises:
        UserError: It is neither a folder nor such a name.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not is_hub_name(name):
        raise UserError(f"'{name}' is neither a folder nor OWNER/REPO of the Hugging Face hub")
    repo, revision = split_hub_name(name)
    place = hub_folder(repo)
    reference = place / "refs" / (revision or "main")
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    snapshot = place / "snapshots" / commit if commit else None
    return snapshot if snapshot is not None and snapshot.is_dir() else None


def split_hub_name(name: str) -> tuple[str, str | None]:
    """(OWNER/REPO, revision or None) of a name on the hub."""
    match = HUB_NAME.fullmatch(name)
    if match is None:
        raise UserError(f"'{name}': expected OWNER/REPO or OWNER/REPO@REVISION of the Hugging Face hub")
    return match["repo"], match["revision"]


@contextmanager
def followed(repo: str, total: int | None, tell: Tell) -> Iterator[None]:
    """Tell how many bytes of a repository are in the cache while the library fetches it, instead of its own bars."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    blobs, ended = hub_folder(repo) / "blobs", threading.Event()
    before = _bytes_in(blobs)

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            tell(max(_bytes_in(blobs) - before, 0), total)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _bytes_in(folder: Path) -> int:
    total = 0
    with suppress(OSError):  # a file may take its name while we look
        total = sum(path.stat().st_size for path in folder.glob("*"))
    return total


def verify_folder(folder: Path) -> tuple[int, list[str]]:
    """(files that were hashed, those among them that are not what the hub's cache calls them).

    The cache keeps contents under their own hash and links to them by name; files that are no such links have
    nothing to be held to.

    Raises:
        UserError: A file cannot be read.
    """
    checked, bad = 0, []
    for path in sorted(folder.rglob("*")):
        name = path.resolve().name
        which = 0 if _SHA256.fullmatch(name) else 1 if _GIT.fullmatch(name) else None
        if which is None or not path.is_symlink() or not path.is_file():
            continue
        checked += 1
        if hashes(path)[which] != name:
            bad.append(path.relative_to(folder).as_posix())
    return checked, bad
