"""Making proposals, clip after clip, and keeping them for the page."""

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
        unkept: Why it could not be kept, if it could not.
    """

    state: Literal["off", "waiting", "done", "failed"]
    proposal: Proposal | None = None
    reason: str = ""
    unkept: str = ""


class Maker:
    """Makes proposals, each once: what the store has is taken from there. One thread at a time makes them.

    Args:
        proposer: Loaded when it is first needed.
        store: Keeps what was proposed, and has what was.
        protocol: What clips are brought to.
    """

    def __init__(self, proposer: Proposer, store: Store, protocol: Protocol) -> None:
        self._proposer, self._store, self._protocol = proposer, store, protocol
        self._keeping = threading.Lock()
        self._is_closed = False
        self._is_loaded = False
        self._broken = ""  # why the networks could not be loaded

    def propose(self, sample: Sample) -> Proposed:
        """A clip's proposal, kept or new; the sample's prompt and words play no part in it."""
        try:
            clip = contents(sample)
            found = self._store.proposal(clip, self._proposer.identity)
            if found is not None:
                return Proposed("done", found)
            if self._broken:
                return Proposed("failed", reason=self._broken)
            video = _read(sample, self._protocol)
        except UserError as error:
            return Proposed("failed", reason=str(error))
        if not self._is_loaded:
            loaded = try_once(self._proposer.load, "loading the networks")
            self._is_loaded = True
            if isinstance(loaded, Failure):
                self._broken = f"the networks could not be loaded: {loaded.reason}"
                return Proposed("failed", reason=self._broken)
        made = try_once(lambda: self._proposer.propose(video), f"proposing for {sample.id}")
        if isinstance(made, Failure):
            return Proposed("failed", reason=made.reason)
        return Proposed("done", made, unkept=self._keep(clip, made))

    def close(self) -> None:
        """Keep nothing from here on."""
        with self._keeping:
            self._is_closed = True

    def _keep(self, clip: str, made: Proposal) -> str:
        """Why it could not be kept, or ""."""
        with self._keeping:
            if self._is_closed:
                return "the store is closed"
            kept = try_once(lambda: self._store.keep(clip, self._proposer.identity, made), "keeping a proposal")
        return kept.reason if isinstance(kept, Failure) else ""


def propose_into(
    store: Store, samples: Sequence[Sample], proposer: Proposer, protocol: Protocol, tell: Callable[[str], None]
) -> dict[str, Proposal]:
    """Make the proposals of these clips, which the annotation page of the store's folder then has from its start.

    Killed at any moment, it makes none of them a second time. What they propose goes into no metadata.csv.

    Args:
        store: Of the folder that the clips are in: `with Store(folder) as store`.
        samples: Whatever their prompts and words are.
        proposer: Such as `NetworkProposer(profile, device)`.
        protocol: What clips are brought to.
        tell: Called with a line for each clip; of those without a proposal it says why.

    Returns:
        The proposals by the samples' ids, in their order, without those that could not be made.

    Raises:
        UserError: A proposal cannot be kept.
    """
    maker = Maker(proposer, store, protocol)
    found: dict[str, Proposal] = {}
    for done, sample in enumerate(samples, start=1):
        proposed = maker.propose(sample)
        if proposed.unkept:
            raise UserError(f"the proposal for '{sample.id}' could not be kept: {proposed.unkept}")
        if proposed.proposal is not None:
            found[sample.id] = proposed.proposal
        tell(f"{done}/{len(samples)} {sample.id}: {proposed.reason or 'proposed'}")
    return found


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
