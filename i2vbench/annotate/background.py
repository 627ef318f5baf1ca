"""Proposing, clip by clip, while the page is in use: the clip that is looked at first, then those that are left."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from i2vbench.annotate.proposals import Proposal, Proposer
from i2vbench.annotate.store import Store
from i2vbench.attempt import Failure, try_once
from i2vbench.clips import read_first_frame, read_to_protocol
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.profiles import Protocol
from i2vbench.types import Sample, Video


@dataclass(frozen=True, slots=True)
class Proposed:
    """How far a clip's proposal is.

    Attributes:
        state: "off": there are none; "waiting": it is to come.
        proposal: If it is done.
        reason: If it failed.
    """

    state: Literal["off", "waiting", "done", "failed"]
    proposal: Proposal | None = None
    reason: str = ""


class Background:
    """The thread that proposes.

    Args:
        samples: The clips.
        is_left: Whether the clip at this position waits for a person; others are proposed when they are looked at.
            Called under a lock, so it must not wait for one.
        proposer: None proposes nothing.
        store: Keeps what was proposed, and has what was.
        protocol: What clips are brought to.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        is_left: Callable[[int], bool],
        proposer: Proposer | None,
        store: Store,
        protocol: Protocol,
    ) -> None:
        self._samples, self._is_left, self._proposer = samples, is_left, proposer
        self._store, self._protocol = store, protocol
        self._done: dict[int, Proposed] = {}
        self._current = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._broken = ""  # why the networks could not be loaded
        self._is_loaded = False
        self._thread = threading.Thread(target=self._work, name="propose", daemon=True)

    def start(self) -> None:
        if self._proposer is not None:
            self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Ask it to end after the clip at hand; whether it did in this time. Nothing is kept after that."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def look_at(self, index: int) -> Proposed:
        """A clip's proposal as far as it is; it is the next one if it is not there yet."""
        if self._proposer is None:
            return Proposed("off")
        with self._changed:
            self._current = index
            self._changed.notify_all()
            return self._done.get(index, Proposed("waiting"))

    @property
    def num_done(self) -> int:
        with self._changed:
            return len(self._done)

    def _work(self) -> None:
        while (index := self._next()) is not None:
            proposed = self.propose(index)
            with self._changed:
                if not self._stopped:
                    self._done[index] = proposed

    def _next(self) -> int | None:
        with self._changed:
            while not self._stopped:
                order: list[int] = [*range(self._current, len(self._samples)), *range(self._current)]
                for index in order:
                    if index not in self._done and (index == self._current or self._is_left(index)):
                        return index
                self._changed.wait()
            return None

    def propose(self, index: int) -> Proposed:
        """The proposal of the clip at this position, kept or new."""
        assert self._proposer is not None
        sample, proposer = self._samples[index], self._proposer
        try:
            clip = contents(sample)
            found = self._store.proposal(clip, proposer.identity)
            if found is not None:
                return Proposed("done", found)
            video = _read(sample, self._protocol)
        except UserError as error:
            return Proposed("failed", reason=str(error))
        if not self._is_loaded:
            loaded = try_once(proposer.load, "loading the networks")
            self._is_loaded = True
            self._broken = loaded.reason if isinstance(loaded, Failure) else ""
        if self._broken:
            return Proposed("failed", reason=f"the networks could not be loaded: {self._broken}")
        made = try_once(lambda: proposer.propose(video), f"proposing for {sample.id}")
        if isinstance(made, Failure):
            return Proposed("failed", reason=made.reason)
        with self._changed:
            if not self._stopped:
                # Shown all the same where it cannot be kept.
                try_once(lambda: self._store.keep(clip, proposer.identity, made), "keeping a proposal")
        return Proposed("done", made)


def contents(sample: Sample) -> str:
    """A hash of what a clip shows: its file's contents, and its section.

    Raises:
        UserError: The file cannot be read.
    """
    clip = sample.reference
    section = "" if clip is None else f"{round(clip.start, 3)} {None if clip.end is None else round(clip.end, 3)}"
    return hashlib.sha256(f"{file_sha256(sample.first_frame.path)} {section}".encode()).hexdigest()


def _read(sample: Sample, protocol: Protocol) -> Video:
    """What the networks look at: the reference clip as in a run, or a picture as a clip of one frame."""
    if sample.reference is not None:
        return read_to_protocol(sample.reference, protocol)
    picture = read_first_frame(sample.first_frame, protocol.height, protocol.width, protocol.interpolation)
    return Video(picture[np.newaxis], protocol.fps)
