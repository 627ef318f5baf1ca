"""`i2vbench` and `python -m i2vbench`: the command line, which Ctrl-C ends quietly from its first moment on."""

import os
import signal
from types import FrameType


def _stop(number: int, frame: FrameType | None) -> None:
    # At once: nothing is begun yet, and what is being imported might catch an exception or print it.
    os.write(2, b"i2vbench: stopped\n")
    os._exit(128 + number)


def main() -> None:
    """Import the command line, and run it."""
    heeds = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not behind nohup, and not of a shell's &
    if heeds:
        signal.signal(signal.SIGINT, _stop)

    from i2vbench.cli import main as run

    if heeds:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
