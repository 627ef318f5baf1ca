"""`python -m tests.fuzz [NAME ...] --seconds 60`: each reader for so long; what it cannot bear is printed and kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

from i2vbench.errors import UserError
from tests.fuzz.targets import TARGETS

MOST_SECONDS = 30.0
"""That one input may take on a machine that does other things too."""


def fuzz(name: str, seconds: float, seed: int, keep: Path) -> tuple[int, dict[str, int]]:
    """How many inputs were tried, and how often each fault was met."""
    target, random = TARGETS[name], Random(f"{seed} {name}")
    faults: dict[str, int] = {}
    tried = 0
    with tempfile.TemporaryDirectory(prefix="i2vbench-fuzz-") as text:
        room = Path(text)
        examples = target.examples(room)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = target.change(random.choice(examples), random)
            tried += 1
            begun = time.process_time()
            try:
                target.read(room, data)
            except UserError:
                pass
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                place = traceback.extract_tb(error.__traceback__)[-1]
                ours = next(
                    (one for one in reversed(traceback.extract_tb(error.__traceback__)) if "/tests/" not in one.filename
                     and "site-packages" not in one.filename and "/lib/python" not in one.filename), place,
                )  # fmt: skip
                what = f"{type(error).__name__} in {Path(ours.filename).name}:{ours.lineno} {ours.name}"
                if what not in faults:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{name}-{len(faults)}").write_bytes(data)
                    print(f"{name}: {what}: {str(error)[:200]!r}", flush=True)
                faults[what] = faults.get(what, 0) + 1
            if (took := time.process_time() - begun) > MOST_SECONDS:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{name}-slow-{tried}").write_bytes(data)
                print(f"{name}: an input took {took:.1f} s", flush=True)
                faults["slow"] = faults.get("slow", 0) + 1
    return tried, faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="where inputs go that were not borne")
    given = parser.parse_args()
    found = 0
    for name in given.names or TARGETS:
        tried, faults = fuzz(name, given.seconds, given.seed, given.keep)
        print(f"{name}: {tried} inputs, {len(faults)} faults", flush=True)
        found += len(faults)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
