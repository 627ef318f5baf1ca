"""Whom a comparison is of: one or two models, each of a run; and what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.names import nearest
from i2vbench.run_file import read_settings
from i2vbench.tables.notes import not_comparable
from i2vbench.tables.runs import Column, Record, Run, open_run, records_of

Scores = Mapping[str, Mapping[int, float]]
"""Numbers of single clips, by sample and seed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of a run, before the run is opened."""

    folder: Path
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The models at hand, in the order asked for: one, or A and B."""

    runs: Sequence[Run]
    columns: Sequence[Column]

    def run_of(self, side: int) -> Run:
        return self.runs[self.columns[side].run]

    def records(self, side: int, metric: str) -> list[Record]:
        """What a metric says of each planned clip of one model."""
        return records_of(self.run_of(side), self.columns[side].model, metric)

    @property
    def categories(self) -> list[str]:
        """In the order of their first samples; a sample has the same one in all runs of its data set."""
        return list(dict.fromkeys(sample.category for run in self.runs for sample in run.samples.values()))


def choose(run_a: Path, run_b: Path | None, model_a: str | None, model_b: str | None) -> list[Choice]:
    """Which models are meant: A and B, or the one model of one run.

    Args:
        run_a: A folder.
        run_b: Another; None where both models are of the first, or there is one.
        model_a: As the first run calls it; None where that is no question.
        model_b: As the second calls it.

    Raises:
        UserError: A folder is no run, a run has no such model, or it is open which one is meant.
    """
    there_a = list(read_settings(run_a)["models"])
    if run_b is None:
        named = [name for name in (model_a, model_b) if name is not None]
        chosen = [_one_of(run_a, there_a, name) for name in named]
        if not named and len(there_a) == 1:
            chosen = there_a
        if len(named) == 2 and chosen[0] == chosen[1]:
            raise UserError(f"--model-a and --model-b are both {chosen[0]}: name two models, or two runs")
        if not chosen:
            raise UserError(_which_of_one(run_a, there_a))
        return [Choice(run_a, name) for name in chosen]
    there_b = list(read_settings(run_b)["models"])
    a = [_one_of(run_a, there_a, model_a)] if model_a is not None else there_a
    b = [_one_of(run_b, there_b, model_b)] if model_b is not None else there_b
    if max(len(a), len(b)) > 1 and len(shared := [name for name in a if name in b]) == 1:
        a = b = shared
    open_ = [
        f"{flag} is one of {', '.join(some)} ({folder})"
        for flag, some, folder in (("--model-a", a, run_a), ("--model-b", b, run_b))
        if len(some) != 1
    ]
    if open_:
        raise UserError(f"several models to choose from: name the ones to be compared; {'; '.join(open_)}")
    if run_a.resolve() == run_b.resolve() and a == b:
        raise UserError(f"{a[0]} of {run_a} would be compared with itself: name another run, or --model-b")
    return [Choice(run_a, a[0]), Choice(run_b, b[0])]


def open_sides(choices: Sequence[Choice]) -> Sides:
    """Open the runs.

    Raises:
        UserError: They were made on different data sets, first frames or profiles, or share no sample.
    """
    folders = list(dict.fromkeys(choice.folder for choice in choices))
    runs = [open_run(folder) for folder in folders]
    same_name = len({choice.model for choice in choices}) < len(choices)
    columns = [
        Column(f"{choice.model} #{i + 1}" if same_name else choice.model, folders.index(choice.folder), choice.model)
        for i, choice in enumerate(choices)
    ]
    if differences := not_comparable(columns, runs):
        raise UserError(
            f"these runs cannot be compared sample by sample: {'; '.join(differences)}; "
            "`i2vbench table` puts them side by side, and says so under the table"
        )
    if len(runs) == 2 and not set(runs[0].samples) & set(runs[1].samples):
        raise UserError(
            f"these runs share no sample, so nothing is paired: {len(runs[0].samples)} in {folders[0]}, "
            f"{len(runs[1].samples)} others in {folders[1]}; run both on the same samples"
        )
    return Sides(runs, columns)


def scores(records: Sequence[Record]) -> Scores:
    """The numbers of the clips that have one."""
    found: dict[str, dict[int, float]] = {}
    for record in records:
        if record.state == "done" and record.row is not None and record.row.value is not None:
            found.setdefault(record.sample.id, {})[record.clip.seed] = record.row.value
    return found


def _one_of(folder: Path, there: Sequence[str], name: str) -> str:
    if name not in there:
        raise UserError(f"no model '{name}' in {folder}: {nearest(name, there)}")
    return name


def _which_of_one(folder: Path, there: Sequence[str]) -> str:
    return (
        f"{folder} has several models: {', '.join(there)}; name two with --model-a and --model-b, one with --model-a "
        "to see what its seeds say, or another run"
    )
