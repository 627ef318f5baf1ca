"""Ctrl-C and SIGTERM: the first is a wish to stop, which all processes come to agree on; a second one ends at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerate import Accelerator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A training was asked to stop, and everything done is saved.

    Attributes:
        signal: Which signal asked.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


class Stop:
    """Whether a stop was asked for.

    Attributes:
        signal: The signal that asked; 0 if none did.
    """

    def __init__(self) -> None:
        self.signal = 0

    def agreed(self, accelerator: Accelerator) -> bool:
        """Whether any process was asked to; every process must call it, and all get the same answer."""
        if accelerator.num_processes > 1:
            import torch

            asked = torch.tensor(self.signal, device=accelerator.device)
            self.signal = int(accelerator.gather(asked.reshape(1)).max())
        return self.signal != 0

    @contextmanager
    def on_signals(self, say: Callable[[str], None]) -> Iterator[None]:
        """Listen for Ctrl-C and SIGTERM within the block."""

        def handle(number: int, _: FrameType | None) -> None:
            if self.signal:
                print("\nstopped; the newest checkpoint is what is kept", file=sys.stderr, flush=True)
                os._exit(128 + number)
            self.signal = number
            if os.environ.get("RANK", "0") == "0":
                say("stopping: saving a checkpoint after the device batch at hand (Ctrl-C again: at once) ...")

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def ignore_signals(_: int) -> None:
    """For a worker process that reads clips: Ctrl-C reaches it too, and it is the trainer's to end it."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
