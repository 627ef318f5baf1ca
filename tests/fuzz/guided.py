"""`python -m tests.fuzz.guided NAME --seconds 60`: a reader under atheris, which keeps inputs that reach new code.

atheris is no dependency of this project (`pip install atheris`; it has wheels for Linux). It changes the bytes of the
examples itself, so it is good at parsers of bytes, and knows nothing of databases or hashes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from i2vbench.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("name", help="of a target in tests/fuzz/targets/")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="where inputs go that were not borne")
    wish = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["i2vbench", "tomllib", "json", "csv"]):
        from tests.fuzz.targets import TARGETS

        target = TARGETS[wish.name]
        room = Path(tempfile.mkdtemp(prefix="i2vbench-fuzz-"))
        examples = target.examples(room)
        for example in examples:  # readers are imported as they are first called
            one(target.read, room, example)
    corpus = Path(tempfile.mkdtemp(prefix="i2vbench-corpus-"))
    for number, example in enumerate(examples):
        (corpus / str(number)).write_bytes(example)
    wish.keep.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={wish.seconds}", "-timeout=30", "-rss_limit_mb=4096", "-max_len=20000"]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={wish.keep}/{wish.name}-", str(corpus)],
        lambda data: one(target.read, room, data),
    )
    atheris.Fuzz()


def one(read: object, room: Path, data: bytes) -> None:
    with suppress(UserError):
        read(room, data)  # type: ignore[operator]


if __name__ == "__main__":
    main()
