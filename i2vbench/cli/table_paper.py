"""`i2vbench table paper`, and `i2vbench table RUN --table N`: tables as the paper has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from i2vbench.cli.arguments import parse_formats, split
from i2vbench.cli.output import give
from i2vbench.errors import UserError
from i2vbench.leaderboards.published import TABLES

if TYPE_CHECKING:
    from i2vbench.tables import Plain
    from i2vbench.tables.own_lines import Collect
    from i2vbench.tables.people import People

_MADE_BY = {
    3: "`i2vbench reproduce table3` makes it",
    4: "`i2vbench data stats DATASET` makes it of a data set",
}
"""Tables that are not made of runs."""

OF_PEOPLE = 1
"""The table that has columns of a human evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of the tables of runs.

    Attributes:
        published: Beside the paper's.
        trusted: The FILE.py:Class whose code may run.
        small_categories: Whether small categories have distances.
        human: A human study, whose shares Table 1 has columns for.
        intervals: Whether numbers have intervals.
        replicates: Resamples behind each; None where nobody said.
        formats: Of the files; None where nobody said.
        out: Their folder; None where nobody said.
        json_output: JSON instead of text.
        quiet: Neither.
    """

    published: bool
    trusted: Sequence[str]
    small_categories: bool
    human: Path | None
    intervals: bool
    replicates: int | None
    formats: Sequence[str] | None
    out: Path | None
    json_output: bool
    quiet: bool

    @property
    def writes(self) -> bool:
        """Whether files are written: --json alone asks for none, and a run may lie where nothing can be written."""
        return not self.json_output or bool(self.formats) or self.out is not None

    @contextmanager
    def collecting(self) -> Iterator[Collect]:
        """What aggregates runs, with standard output for the result alone."""
        from i2vbench.progress import choose
        from i2vbench.statistics import REPLICATES
        from i2vbench.tables import collect

        times = (self.replicates or REPLICATES) if self.intervals else 0
        watched = self.intervals and not self.quiet and sys.stderr.isatty()
        with redirect_stdout(sys.stderr), choose(not watched) as progress:  # what a metric prints is not the result
            yield partial(
                collect, trusted=self.trusted, small_categories=self.small_categories, replicates=times,
                progress=progress,
            )  # fmt: skip


def parse_tables(values: Sequence[str] | None) -> list[int]:
    """The numbers of the paper's tables named, each once.

    Raises:
        UserError: For one that the paper has not.
    """
    known = {str(number): number for number in TABLES}
    for text in (named := split(values)):
        if text not in known:
            raise UserError(f"--table '{text}': expected a table of the paper, {TABLES[0]} to {TABLES[-1]}")
    return list(dict.fromkeys(known[text] for text in named))


def tables_of_paper(tables: Sequence[int], wish: Wish) -> None:
    """Print tables of the paper, all without a number; files where --format or --out asks for them."""
    chosen = parse_formats(wish.formats)

    from i2vbench.tables.paper import paper_table

    made = [paper_table(number) for number in tables or TABLES]
    _give(made, wish.out or Path("tables"), chosen if wish.formats or wish.out else [], wish)


def tables_of_runs(tables: Sequence[int], runs: Sequence[Path], wish: Wish) -> None:
    """Print runs in the layout of tables of the paper, and write them where `table` writes.

    Raises:
        UserError: Tables that are not made of runs.
    """
    chosen = parse_formats(wish.formats)
    for number in tables:
        if number in _MADE_BY:
            raise UserError(f"--table {number}: is not made of runs; {_MADE_BY[number]}")

    from i2vbench.tables.beside import runs_table
    from i2vbench.tables.people import NOBODY

    people = NOBODY if wish.human is None else _people(wish.human, wish)
    with wish.collecting() as collecting:
        made = [
            runs_table(number, runs, wish.published, collecting, people if number == OF_PEOPLE else NOBODY)
            for number in tables
        ]
    if wish.writes and wish.out is None:
        refuse_not_run({id_: why for one in made for id_, why in one.not_run.items()})
    folder = wish.out or (runs[0] / "tables" if len(runs) == 1 else Path("tables"))
    _give([one.table for one in made], folder, chosen if wish.writes else [], wish)


def _people(study: Path, wish: Wish) -> People:
    """What a human study says of its models, with intervals if these are asked for."""
    from i2vbench.human.counted import open_votes, rater_names
    from i2vbench.human.report import Wanted, make_report
    from i2vbench.human.report_tables import for_table_1
    from i2vbench.human.shares import Draws
    from i2vbench.statistics import REPLICATES

    draws = Draws(wish.replicates or REPLICATES)
    report = make_report(*open_votes(study), rater_names(study), Wanted(), draws)
    return for_table_1(report, intervals=wish.intervals)


def refuse_not_run(not_run: dict[str, str]) -> None:
    """Refuse to write incomplete tables over what may be whole ones.

    Raises:
        UserError: If a metric's code did not run.
    """
    if not_run:
        reasons = "; ".join(f"{id_} is {reason}" for id_, reason in not_run.items())
        raise UserError(
            f"{reasons}. Mend that, choose others with --metrics, or name a folder with --out for tables without it"
        )


def _give(made: Sequence[Plain], out: Path, formats: Sequence[str], wish: Wish) -> None:
    from i2vbench.tables import write_plain
    from i2vbench.tables.plain import plain_as_json
    from i2vbench.tables.text import print_aligned

    files = write_plain(made, out, formats) if formats else []
    give(
        lambda: {"tables": [plain_as_json(table) for table in made]},
        lambda: print_aligned([table.shown for table in made]),
        files, json_output=wish.json_output, quiet=wish.quiet,
    )  # fmt: skip
