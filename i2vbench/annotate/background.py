"""Proposing while the page is in use: the clip that is looked at first, then those that are left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from i2vbench.annotate.proposing import Maker, Proposed
from i2vbench.types import Sample


class Background:
    """The thread that proposes.

    Args:
        samples: The clips.
        is_left: Whether the clip at this position waits for a person; others are proposed when they are looked at.
            Called under a lock, so it must not wait for one.
        maker: None proposes nothing.
    """

    def __init__(self, samples: Sequence[Sample], is_left: Callable[[int], bool], maker: Maker | None) -> None:
        self._samples, self._is_left, self._maker = samples, is_left, maker
        self._done: dict[int, Proposed] = {}
        self._current = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="propose", daemon=True)

    def start(self) -> None:
        if self._maker is not None:
            self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Ask it to end after the clip at hand; whether it did in this time. Nothing is kept after that."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._maker is not None:
            self._maker.close()
        return not self._thread.is_alive()

    def look_at(self, index: int) -> Proposed:
        """A clip's proposal as far as it is; it is the next one if it is not there yet."""
        if self._maker is None:
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
        assert self._maker is not None
        while (index := self._next()) is not None:
            proposed = self._maker.propose(self._samples[index])
            with self._changed:
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
