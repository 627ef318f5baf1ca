"""Bringing checkpoints here: source after source, checked before a file gets its name, several at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from filelock import Timeout

from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.weights import http, hub
from i2vbench.weights.catalogue import Checkpoint, HubSource, hub_source, human_size
from i2vbench.weights.check import BadFile, check_file
from i2vbench.weights.http import SourceError, Stopped
from i2vbench.weights.places import locate, offline, own_folder, partial_file
from i2vbench.weights.progress import Transfers
from i2vbench.weights.records import Record, locked, read_record, write_record
from i2vbench.weights.store import MissingCheckpoint, checked, find_folder

WORKERS = 4
_POLL_SECONDS = 0.2
_SLACK = 64 << 20
"""Bytes that a file of unknown size may have beyond twice its tensors."""

_MOST = 4 << 30
"""Bytes that a file may have of which nothing is known."""


class Offline(UserError):
    """The network is forbidden, and a checkpoint would have to come from there.

    Args:
        names: Of the checkpoints.
    """

    def __init__(self, *names: str) -> None:
        one = len(names) == 1
        what = f"checkpoint {names[0]} is" if one else f"{len(names)} checkpoints are"
        listed = "" if one else f": {', '.join(names)}"
        super().__init__(
            f"{what} not fetched, for HF_HUB_OFFLINE forbids the network{listed}; "
            f"`i2vbench weights import FILE {names[0] if one else 'NAME'}` takes a copy"
        )


def fetch(entries: Sequence[Checkpoint], watch: Transfers) -> list[str]:
    """Bring all of them here, several at once; those that are here and good are left alone.

    Ctrl-C leaves the parts that came, from which the next `fetch` goes on.

    Returns:
        A sentence for each that could not be had, and one for all that the network is forbidden for.
    """
    stop, reasons, unreached = threading.Event(), [], set()
    work: SimpleQueue[Checkpoint] = SimpleQueue()
    ends: SimpleQueue[tuple[Checkpoint, Path | BaseException]] = SimpleQueue()
    for facts in entries:
        work.put(facts)
    for _ in range(min(WORKERS, len(entries))):
        # As daemons: a silent server does not hold up Ctrl-C, and what is cut off goes on the next time.
        threading.Thread(target=_work, args=(work, ends, watch, stop), daemon=True).start()
    try:
        for _ in entries:
            facts, end = _next(ends)
            if isinstance(end, Path):
                watch.say(f"{facts.name}: {end}")
            elif isinstance(end, Offline):
                unreached.add(facts.name)
            elif isinstance(end, UserError):
                reasons.append(str(end))
            else:
                raise end
    finally:
        stop.set()
    named = [facts.name for facts in entries if facts.name in unreached]
    return [*reasons, *([str(Offline(*named))] if named else [])]


def _work(
    work: SimpleQueue[Checkpoint],
    ends: SimpleQueue[tuple[Checkpoint, Path | BaseException]],
    watch: Transfers,
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        try:
            facts = work.get_nowait()
        except Empty:
            return
        try:
            ends.put((facts, fetch_one(facts, watch, stop)))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            ends.put((facts, error))


def _next(ends: SimpleQueue[tuple[Checkpoint, Path | BaseException]]) -> tuple[Checkpoint, Path | BaseException]:
    """What ended next; waited for in short turns, so that Ctrl-C is heard on every system."""
    while True:
        with suppress(Empty):
            return ends.get(timeout=_POLL_SECONDS)


def fetch_one(facts: Checkpoint, watch: Transfers, stop: threading.Event) -> Path:
    """One checkpoint's file or folder; fetched if it is not here, or not what it is called.

    Raises:
        UserError: No source had it, with what each of them said; the network is forbidden; the disk is full.
        Stopped: `stop` was set.
    """
    try:
        if facts.kind == "folder":
            return _fetch_folder(facts, watch)
        while True:
            try:
                with locked(facts, _POLL_SECONDS):
                    return _fetch_file(facts, watch, stop)
            except Timeout:
                if stop.is_set():
                    raise Stopped from None
                watch.tell_once(facts.name, "another process is fetching it")
    except OSError as error:
        if not is_disk_error(error):
            raise
        where = own_folder(facts)
        raise UserError(
            f"checkpoint {facts.name} ({facts.size_text}) cannot be written to {where}: {error.strerror}; "
            "I2VBENCH_CACHE and HF_HOME name other folders"
        ) from error


def _fetch_folder(facts: Checkpoint, watch: Transfers) -> Path:
    with suppress(MissingCheckpoint):
        return find_folder(facts)
    _refuse_offline(facts)
    with hub.followed(facts.repository, facts.about, partial(watch.tell, facts.name)):
        folder = find_folder(facts, download=True)
    _, bad = hub.verify_folder(folder)
    if bad:
        raise UserError(
            f"checkpoint {facts.name}: {', '.join(bad)} in {folder} came damaged; delete them and fetch again"
        )
    return folder


def _fetch_file(facts: Checkpoint, watch: Transfers, stop: threading.Event) -> Path:
    """The file of a checkpoint whose lock we have."""
    path, bad = locate(facts), None
    if path:
        try:
            checked(facts, path, has_lock=True)
            return path
        except BadFile as error:
            bad = path
            watch.say(f"{error}; it is fetched anew")
    if facts.extra:
        raise UserError(f"checkpoint {facts.name} is not fetched: `{facts.command}` brings it")
    _refuse_offline(facts)
    reasons = []
    for source in facts.sources:
        on_hub = hub_source(source)
        try:
            if on_hub:
                return _from_hub(facts, on_hub, bad, watch)
            return _from_web(facts, source, watch, stop)
        except (SourceError, BadFile) as error:
            reasons.append(f"{source}: {error}")
    raise UserError(f"checkpoint {facts.name} could not be fetched: {'; '.join(reasons)}")


def _from_hub(facts: Checkpoint, source: HubSource, bad: Path | None, watch: Transfers) -> Path:
    with hub.followed(source.repo, facts.size, partial(watch.tell, facts.name)):
        path = hub.fetch_file(source, anew=bad is not None)
    sha256 = _check(facts, path)
    if bad and bad.parent == own_folder(facts):  # it would be found first
        bad.unlink()
    _record(facts, path, sha256, f"hf:{source.repo}")
    return path


def _from_web(facts: Checkpoint, url: str, watch: Transfers, stop: threading.Event) -> Path:
    part = partial_file(facts)
    resumed = part.is_file()
    while True:
        http.download(
            url, part, size=facts.size, at_most=most_bytes(facts), tell=partial(watch.tell, facts.name), stop=stop
        )
        try:
            sha256 = _check(facts, part)
            break
        except BadFile:
            http.discard(part)
            if not resumed:
                raise
            resumed = False  # the part that was here may have been the bad one
    path = take_name(facts, part)
    http.discard(part)
    _record(facts, path, sha256, url)
    return path


def most_bytes(facts: Checkpoint) -> int:
    """More than this a file cannot have."""
    if facts.size is not None:
        return facts.size
    return 2 * facts.about + _SLACK if facts.about is not None else _MOST


def take_name(facts: Checkpoint, part: Path) -> Path:
    """Give a checked file its name."""
    path = own_folder(facts) / facts.file
    os.replace(part, path)
    return path


def _check(facts: Checkpoint, path: Path) -> str:
    record = read_record(facts)
    return check_file(path, facts, record.sha256 if record else "")


def _record(facts: Checkpoint, path: Path, sha256: str, source: str) -> None:
    record = read_record(facts)
    write_record(facts, Record.of(path, sha256, source, record.trusted if record else ""))


def _refuse_offline(facts: Checkpoint) -> None:
    if offline():
        raise Offline(facts.name)


def total_text(entries: Sequence[Checkpoint]) -> str:
    """What a fetch of these comes to, for people."""
    sizes = [facts.size if facts.size is not None else facts.about for facts in entries]
    known = [size for size in sizes if size is not None]
    parts = [f"about {human_size(sum(known))}"] if known else []
    unknown = len(sizes) - len(known)
    return " and ".join([*parts, *([f"{unknown} of unknown size"] if unknown else [])])
