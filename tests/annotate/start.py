"""`i2vbench data annotate` without checkpoints: python -m tests.annotate.start FOLDER [OPTION=VALUE ...].

It sees a dog in all frames but one, a ball in that one and, in every caption, a beach.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from i2vbench.annotate import command
from i2vbench.annotate.proposals import Proposal, Seen
from i2vbench.errors import UserError
from i2vbench.types import Video


class Fake:
    identity = "fake"

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.loads = 0

    def load(self) -> None:
        self.loads += 1

    def propose(self, video: Video) -> Proposal:
        time.sleep(self.seconds)
        n = video.num_frames
        return Proposal(
            n,
            objects=(Seen("dog", n - 1), Seen("ball", 1), Seen("hot dog", 1), Seen("<b>bold</b>", 1)),
            captions=(Seen("a dog running on a sandy beach next to the water", n - 1), Seen("a dog on the beach", 1)),
            tags=(Seen("dog", n), Seen("beach", n), Seen("water", n)),
        )


def start() -> None:
    folder, *rest = sys.argv[1:]
    options: dict[str, object] = {"profile": str(Path(folder).parent / "small.toml"), "device": "cpu"}
    seconds = 0.0
    for text in rest:
        name, _, value = text.partition("=")
        if name == "seconds":
            seconds = float(value)
        elif name == "categories":
            options[name] = (value,)
        else:
            options[name] = int(value)
    sys.exit(command.annotate(command.Wish(path=Path(folder), **options), Fake(seconds)))  # type: ignore[arg-type]


if __name__ == "__main__":
    try:
        start()
    except UserError as error:
        print(f"i2vbench: {error}", file=sys.stderr)
        sys.exit(2)
