"""`clips.csv`: one line per clip and metric, numbers as they were measured, and as tables print them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from i2vbench.files import atomic_file
from i2vbench.tables.results import Results
from i2vbench.tables.runs import Column
from i2vbench.tables.scores import STATES, Scores
from i2vbench.texts import csv_field, csv_lines, csv_text
from i2vbench.types import MetricInfo

HEADER = ("metric", "model", "category", "sample", "seed", "state", "value", "printed", "reason", "prompt", "profile")

_LINES_AT_ONCE = 10_000


Texts = tuple[list[str], list[str]]
"""Of each clip, what stands in its line before its state, and behind its reason."""


def write_clips_csv(results: Results, path: Path) -> Path:
    """Write every clip's state and its number, metric by metric and model by model.

    `value` is what was measured, with all digits; `printed` is the number at the tables' scale and decimals.
    """
    texts = _texts(results)
    with atomic_file(path) as file:
        file.write(csv_lines([HEADER]).encode())
        for info in results.metrics:
            for column in results.columns:
                scores = results.scores(info.id, column)
                if scores is not None:
                    lead = f"{_text(info.id)},{_text(column.label)},"
                    for lines in _lines(scores, info, lead, *texts[column]):
                        file.write(lines.encode())
    return path


def _lines(scores: Scores, info: MetricInfo, lead: str, heads: Sequence[str], tails: Sequence[str]) -> Iterator[str]:
    """A metric's lines of one column, many at once: each is put together of what is text already.

    There may be millions of them, and nearly all are of a clip that is done and has a number.
    """
    others = sorted({*scores.not_done(), *np.flatnonzero(np.isnan(scores.values)).tolist()})
    for start in range(0, len(scores.clips), _LINES_AT_ONCE):
        values = scores.values[start : start + _LINES_AT_ONCE].tolist()
        stop = start + len(values)
        parts = [""] * (4 * len(values))
        parts[0::4] = [lead] * len(values)
        parts[1::4] = heads[start:stop]
        parts[2::4] = [f"done,{value!r},{info.print(value)}," for value in values]
        parts[3::4] = tails[start:stop]
        for position in others[bisect_left(others, start) : bisect_left(others, stop)]:
            parts[4 * (position - start) + 2] = _middle(scores, info, position)
        yield "".join(parts)


def _middle(scores: Scores, info: MetricInfo, position: int) -> str:
    state, value = STATES[scores.states[position]], float(scores.values[position])
    number = "," if math.isnan(value) else f"{value!r},{info.print(value)}"
    return f"{state},{number},{_text(scores.reason(position))}"


def _texts(results: Results) -> dict[Column, Texts]:
    """Columns of one run have the same texts, as long as their plans are of the same clips."""
    found: dict[Column, Texts] = {}
    known: dict[tuple[int, tuple[tuple[str, int], ...]], Texts] = {}
    for column in results.columns:
        run = results.runs[column.run]
        clips, profile = run.clips[column.model], _text(results.profile_of(column))
        plan = column.run, tuple((clip.sample_id, clip.seed) for clip in clips)
        if plan not in known:
            samples = [run.samples[clip.sample_id] for clip in clips]
            known[plan] = (
                [f"{_text(s.category)},{_text(s.id)},{c.seed}," for s, c in zip(samples, clips, strict=True)],
                [f",{_text(sample.prompt)},{profile}\n" for sample in samples],
            )
        found[column] = known[plan]
    return found


def _text(text: str) -> str:
    return csv_field(csv_text(text))
