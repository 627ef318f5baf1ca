"""`scores.csv`: what every metric says of every clip of a model, and the cells that follow from it.

One line per clip and metric, sorted by sample, seed and metric; values as they were measured, unscaled, all digits. A
metric whose cell is a distance of features has no number of a clip: its lines say that the clip counts.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from i2vbench.leaderboards.folders.layout import SCORES
from i2vbench.leaderboards.folders.record import CellLine
from i2vbench.leaderboards.submission.archive import Refused
from i2vbench.metrics.frame_success import NUM_FRAMES, FrameSuccessMetric
from i2vbench.registry import METRICS
from i2vbench.tables.layout import print_value
from i2vbench.tables.results import Results
from i2vbench.tables.runs import Column
from i2vbench.texts import csv_lines, csv_text
from i2vbench.types import SAFE_ID, Measurement

HEADER = ("sample", "category", "seed", "metric", "state", "value", "reason")

_STATES = ("owed", "done", "failed", "not_applicable")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,9}")
_NUMBER = re.compile(r"-?[0-9.]{1,30}(e-?[0-9]{1,3})?")
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """What one metric says of one clip; `value` is None where it has no number of it."""

    sample: str
    category: str
    seed: int
    metric: str
    state: str
    value: float | None
    reason: str

    @property
    def key(self) -> tuple[str, int, str]:
        """By which lines are sorted."""
        return self.sample, self.seed, self.metric


def score_lines(results: Results, column: Column, metrics: Iterable[str]) -> list[ScoreLine]:
    """The lines of one model."""
    lines = [
        ScoreLine(
            record.sample.id,
            csv_text(record.sample.category),
            record.clip.seed,
            id_,
            record.state,
            None if record.row is None else record.row.value,
            csv_text(record.reason),
        )
        for id_ in metrics
        for record in results.records(id_, column)
    ]
    return sorted(lines, key=lambda line: line.key)


def as_csv(lines: Iterable[ScoreLine]) -> bytes:
    rows = (
        (*(line.sample, line.category, line.seed, line.metric, line.state), _text(line.value), line.reason)
        for line in lines
    )
    return (csv_lines([HEADER]) + csv_lines(rows)).encode()


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def parse_scores(text: bytes) -> list[ScoreLine]:
    """The lines of a file of bounded size.

    Raises:
        Refused: It is no such file, naming the line.
    """
    try:
        rows = csv.reader(io.StringIO(text.decode("utf-8"), newline=""), strict=True)
        if tuple(next(rows, ())) != HEADER:
            raise Refused(f"{SCORES}: expected the columns {', '.join(HEADER)}")
        lines = [_line(row, f"{SCORES}, line {rows.line_num}") for row in rows]
    except (csv.Error, UnicodeDecodeError) as error:
        raise Refused(f"{SCORES} is no CSV file as `leaderboard add` writes it ({type(error).__name__})") from error
    keys = [line.key for line in lines]
    if any(a >= b for a, b in itertools.pairwise(keys)):
        raise Refused(f"{SCORES}: its lines are not sorted by sample, seed and metric, or one is there twice")
    return lines


def _line(row: Sequence[str], where: str) -> ScoreLine:
    if len(row) != len(HEADER):
        raise Refused(f"{where}: expected {len(HEADER)} values, found {len(row)}")
    sample, category, seed, metric, state, value, reason = row
    fits = {
        "sample": SAFE_ID.fullmatch(sample),
        "seed": _WHOLE.fullmatch(seed),
        "state": state in _STATES,
        "value": not value or (_NUMBER.fullmatch(value) and state == "done" and _is_finite(value)),
    }
    if wrong := [name for name, well in fits.items() if not well]:
        raise Refused(f"{where}: {', '.join(wrong)} of another kind than `leaderboard add` writes")
    return ScoreLine(sample, category, int(seed), metric, state, float(value) if value else None, reason)


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def differing_scores(ours: Sequence[ScoreLine], theirs: Sequence[ScoreLine]) -> Iterator[str]:
    """In what their lines are others than ours, a sentence for each, and how many more there are."""
    mine, other = ({line.key: line for line in lines} for lines in (ours, theirs))
    found = [key for key in sorted({*mine, *other}) if mine.get(key) != other.get(key)]
    for key in found[:_MOST_TOLD]:
        sample, seed, metric = key
        yield (
            f"{SCORES}, {sample}-seed{seed}, {metric}: {_shown(other.get(key))} there; its archive makes "
            f"{_shown(mine.get(key))}"
        )
    if len(found) > _MOST_TOLD:
        yield f"{SCORES}: and {len(found) - _MOST_TOLD:,} more lines"


def _shown(line: ScoreLine | None) -> str:
    if line is None:
        return "no line"
    said = _text(line.value) or line.reason or line.state
    return f"{said} ({line.category})"


def cells_against_scores(cells: Iterable[CellLine], lines: Sequence[ScoreLine]) -> list[str]:
    """Cells that do not follow from the clips' numbers, a sentence each; of metrics with a number for each clip."""
    by_cell: dict[tuple[str, str | None], list[ScoreLine]] = {}
    for line in lines:
        for category in (None, line.category):
            by_cell.setdefault((line.metric, category), []).append(line)
    found = []
    for cell in cells:
        some = by_cell.get((cell.metric, None if cell.category is None else csv_text(cell.category)), [])
        where = f"{cell.metric}, {'all clips' if cell.category is None else cell.category}"
        if len(some) != cell.planned:
            found.append(f"{where}: {cell.planned} clips; {SCORES} has {len(some)}")
        made = _aggregate(cell.metric, [line for line in some if line.value is not None])
        if made is not None and made != (cell.value, cell.n):
            value, n = made
            found.append(f"{where}: {cell.value or 'no number'} of {cell.n} clips; {SCORES} makes {value} of {n}")
    return found


def _aggregate(metric: str, lines: Sequence[ScoreLine]) -> tuple[str, int] | None:
    """What a metric makes of these numbers, printed, and of how many; None where there are none."""
    if not lines or metric not in METRICS.builtin:
        return None
    ours = METRICS.create(metric)
    cell = ours.aggregate(
        [Measurement(line.sample, metric, line.value, details=_details(ours, line)) for line in lines]
    )
    return print_value(ours.info, cell.value), cell.n


def _details(metric: object, line: ScoreLine) -> Mapping[str, int]:
    """What the cell of a share of frames is made of."""
    if not isinstance(metric, FrameSuccessMetric) or line.value is None:
        return {}
    return {"frames": NUM_FRAMES, "successes": round(line.value * NUM_FRAMES)}
