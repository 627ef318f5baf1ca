"""The parity runner: every case under a folder, one line each, and an exit status that CI can use."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.reference.cases import BUNDLED, Case, CaseError, discover
from tests.reference.compare import Outcome, compare
from tests.reference.kinds import find_kind

DESCRIPTION = """\
Compare this implementation with recorded outputs of the published ones.

One line a case: its name, the error that is largest against its tolerance, that
tolerance, pass or FAIL, and where. The error is |ours - recorded|, the tolerance
atol + rtol * |recorded| of the same element. A case passes if no element of any
recorded tensor, and no recorded number or text, is off by more than its tolerance.
What was not compared, for want of a file that is not bundled, is named.

Run it in the root of a checkout. Exit status 1 if a case failed, if its kind is
unknown, or if there is none."""


@dataclass(frozen=True)
class Result:
    """How a case came out.

    Attributes:
        worst: The check with the largest error against its tolerance; None if there was none.
        failures: Everything that is wrong, as sentences that begin with where.
    """

    case: Case
    worst: Outcome | None
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.failures

    def line(self, width: int) -> str:
        """The report's line, with the name padded to `width`."""
        errors = f"{self.worst.error:7.1e} / {self.worst.allowed:7.1e}" if self.worst else f"{'-':>7} / {'-':>7}"
        if self.passed and self.worst:
            notes = f"; not compared: {', '.join(self.case.notes)}" if self.case.notes else ""
            return f"{self.case.stem:{width}}  {errors}  pass  ({self.worst.name}){notes}"
        more = f" (and {len(self.failures) - 1} more)" if len(self.failures) > 1 else ""
        return f"{self.case.stem:{width}}  {errors}  FAIL  {self.failures[0]}{more}"


def run_case(case: Case) -> Result:
    """Compare everything a case records. Whatever goes wrong inside is a failure of this case alone."""
    outcomes: list[Outcome] = []
    broken: list[str] = []
    proves_something = False
    try:
        for check in find_kind(case)(case):
            outcomes.append(compare(check))
            proves_something |= not check.minor
        if not proves_something:
            broken.append("nothing of ours was compared with anything recorded")
        broken += _not_compared(case, outcomes)
    except CaseError as error:
        broken.append(str(error))
    except Exception as error:  # noqa: BLE001 - reported, and the other cases still run
        place = traceback.extract_tb(error.__traceback__)[-1]
        broken.append(f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})")
    # Of equally good ones, show one that could have been off by a little.
    outcomes.sort(key=lambda outcome: (outcome.ratio, outcome.allowed), reverse=True)
    wrong = [f"{outcome.name}{outcome.reason}" for outcome in outcomes if outcome.reason]
    return Result(case, outcomes[0] if outcomes else None, tuple(" ".join(text.split()) for text in wrong + broken))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.reference", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dir", nargs="?", type=Path, default=BUNDLED, metavar="DIR", help=(
        "a folder laid out like the bundled one, tests/reference, which is the default; what its cases name and it "
        "lacks (key lists, configurations) comes from there"
    ))  # fmt: skip
    parser.add_argument("--only", default="", metavar="FOLDER,...", help="top-level folders to run (default: all)")
    arguments = parser.parse_args(argv)
    only = [name.strip("/ ") for name in arguments.only.split(",") if name.strip("/ ")]

    if not arguments.dir.is_dir():
        return _refuse(
            f"{arguments.dir} is no folder: give one that holds recorded cases, or none for the bundled ones."
        )
    cases = discover(arguments.dir.resolve())
    folders = sorted({case.folder for case in cases})
    unknown = [name for name in only if name not in folders]
    if unknown:
        there = ", ".join(folders) or "no folder at all"
        return _refuse(f"no case in {', '.join(unknown)}: cases are in {there}.")
    return _run([case for case in cases if not only or case.folder in only])


def _run(cases: Sequence[Case]) -> int:
    width = max((len(case.stem) for case in cases), default=0)
    passed = 0
    for case in cases:
        result = run_case(case)
        passed += result.passed
        print(result.line(width), flush=True)
    print(f"{passed} passed, {len(cases) - passed} failed")
    if not cases:
        return _refuse("no case was found.")
    return int(passed < len(cases))


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


def _not_compared(case: Case, outcomes: Sequence[Outcome]) -> list[str]:
    """A recorded tensor that no check looked at would pass whatever it held."""
    accounted = {outcome.name for outcome in outcomes} | case.given
    left = [name for name in (case.tensors if case.has_tensors else ()) if name not in accounted]
    return [f"{name} was recorded, and nothing of ours was compared with it" for name in left]
