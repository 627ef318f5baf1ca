"""The paper's Table 3 made again: ConsistI2V and its ablations on one data set, with intervals, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.create import configure_models, create_models
from i2vbench.errors import UserError
from i2vbench.leaderboards.published import numbers
from i2vbench.models.consisti2v.cost import REPORTED
from i2vbench.models.consisti2v.sampling import VARIANTS
from i2vbench.progress import Progress
from i2vbench.registry import METRICS
from i2vbench.run import run
from i2vbench.settings import RunConfig
from i2vbench.statistics import Interval, bootstrap_interval
from i2vbench.store import REFERENCE
from i2vbench.tables.intervals import affordable, read_measurements, replicate
from i2vbench.tables.layout import print_interval
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table, marks
from i2vbench.tables.results import Results, collect
from i2vbench.tables.runs import Run
from i2vbench.texts import csv_lines, csv_text
from i2vbench.types import MetricInfo

METRIC_IDS = ("fvd", "inception_score", "fid")

PAPER: Mapping[str, tuple[float, ...]] = {
    variant: tuple(n.value or 0.0 for n in numbers(3) if n.method == VARIANTS[variant].title)[: len(METRIC_IDS)]
    for variant in REPORTED
}
"""FVD, IS and FID of Table 3, on UCF-101, by variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the table is to be made of.

    Attributes:
        profile: A bundled profile's name or a TOML file.
        dataset: Data set of the clips, which must be real for the distances.
        checkpoint: A folder; None takes the profile's, else the published one.
        seed: Of the run and of the resampling.
        device: As torch names it.
        dtype: As torch names it.
        replicates: Of the bootstrap.
        out: The folder of the table and of the run that it stands on.
    """

    profile: str
    dataset: str
    checkpoint: str | None
    seed: int
    device: str
    dtype: str
    replicates: int
    out: Path


@dataclass(frozen=True, slots=True)
class Score:
    """A number of the left half; NaN where there is none."""

    value: float
    interval: Interval
    n: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The right half: MiB and seconds of a clip, and TFLOPs of a pass through the U-Net."""

    memory_mib: float | None
    seconds: float
    tflops: float


@dataclass(frozen=True, slots=True)
class Table3:
    """What came out.

    Attributes:
        metrics: Of the left half.
        scores: By variant, one for each metric.
        costs: By variant.
        order: Sentences: the order of the variants, and where it is not the paper's.
        notes: What it was made with.
        profile: Under which profile, as `Profile.label` says it.
        folder: Of the run.
    """

    metrics: tuple[MetricInfo, ...]
    scores: Mapping[str, tuple[Score, ...]]
    costs: Mapping[str, Cost]
    order: tuple[str, ...]
    notes: tuple[str, ...]
    profile: str
    folder: Path


def make_table3(wish: Wish, progress: Progress) -> Table3 | None:
    """Generate and measure what is not there yet, resample, and time a clip of each variant; None if it was stopped.

    Raises:
        UserError: As the main job; or clips that failed.
    """
    config = RunConfig(
        models=tuple(_spec(variant, wish.checkpoint) for variant in PAPER),
        metrics=METRIC_IDS,
        dataset=wish.dataset,
        profile=wish.profile,
        seeds=(wish.seed,),
        device=wish.device,
        dtype=wish.dtype,
        out=wish.out / "run",
    )
    outcome = run(config, progress)
    if outcome.stopped:
        return None
    if outcome.failed:
        raise UserError(f"{outcome.failed} clips or measurements failed; `i2vbench show {outcome.folder}` says why")
    results = collect([outcome.folder])
    if len(results.columns) != len(PAPER) or tuple(info.id for info in results.metrics) != METRIC_IDS:
        raise UserError(f"{outcome.folder} has other models or metrics than Table 3; name a new folder, --out")
    scores: dict[str, list[Score]] = {variant: [] for variant in PAPER}
    order = []
    for position, info in enumerate(results.metrics):
        progress.say(f"resampling {info.title}")
        found, sentence = _metric_scores(results, position, wish)
        order.append(sentence)
        for variant, score in zip(PAPER, found, strict=True):
            scores[variant].append(score)
    costs = _costs(wish, results.runs[0], progress)
    return Table3(
        metrics=tuple(results.metrics),
        scores={variant: tuple(some) for variant, some in scores.items()},
        costs=costs,
        order=tuple(order),
        notes=tuple(_notes(wish, results)),
        profile=results.profile_of(results.columns[0]),
        folder=outcome.folder,
    )


def printed(table: Table3) -> Table:
    """As all tables are printed, a row for each variant."""
    texts = [[info.print(score.value) for score in scores] for info, scores in _columns(table)]
    best = [marks(column, info.direction) for column, (info, _) in zip(texts, _columns(table), strict=True)]
    rows = []
    for r, (variant, scores) in enumerate(table.scores.items()):
        cells = [
            PrintedCell(text=texts[c][r], mark=best[c][r], n=score.n, interval=print_interval(info, score.interval))
            for c, (info, score) in enumerate(zip(table.metrics, scores, strict=True))
        ]
        cost = table.costs[variant]
        memory = "" if cost.memory_mib is None else f"{cost.memory_mib:.0f}"
        cells += [PrintedCell(text, n=scores[0].n) for text in (memory, f"{cost.seconds:.2f}", f"{cost.tflops:.3g}")]
        rows.append(Row(VARIANTS[variant].title, scores[0].n, tuple(cells), profile=table.profile))
    headings = [Heading(info.title, info.id, info.unit, info.direction) for info in table.metrics]
    headings += [Heading("Memory", "memory", "MiB"), Heading("Runtime", "seconds", "s"), Heading("TFLOPs", "tflops")]
    return Table(
        name="table3",
        metric="",
        title="Table 3: ConsistI2V without its parts",
        unit="",
        direction=None,
        corner="Model",
        headings=tuple(headings),
        rows=tuple(rows),
        notes=(*table.order, *table.notes),
    )


def as_csv(table: Table3) -> str:
    """One line for each number, with its interval and the paper's."""
    rows: list[Sequence[object]] = [("variant", "method", "metric", "value", "low", "high", "n", "paper", "profile")]
    profile = csv_text(table.profile)
    for variant, scores in table.scores.items():
        name, title = f"consisti2v:{variant}".rstrip(":"), VARIANTS[variant].title
        for info, score, paper in zip(table.metrics, scores, PAPER[variant], strict=True):
            low, high = score.interval.low, score.interval.high
            rows.append(
                (name, title, info.id, f"{score.value:.6g}", f"{low:.6g}", f"{high:.6g}", score.n, paper, profile)
            )
        cost, reported = table.costs[variant], REPORTED[variant]
        memory = "" if cost.memory_mib is None else f"{cost.memory_mib:.0f}"
        for key, text, paper in (
            ("memory_mib", memory, reported.memory_mb),
            ("seconds", f"{cost.seconds:.3f}", reported.seconds),
            ("tflops", f"{cost.tflops:.4g}", reported.paper),
        ):
            rows.append((name, title, key, text, "", "", "", paper, profile))
    return csv_lines(rows)


def _columns(table: Table3) -> list[tuple[MetricInfo, list[Score]]]:
    return [(info, [scores[i] for scores in table.scores.values()]) for i, info in enumerate(table.metrics)]


def _spec(variant: str, checkpoint: str | None) -> str:
    """As `--model` takes it."""
    return "consisti2v" + (f":{argument}" if (argument := "=".join(filter(None, (variant, checkpoint)))) else "")


def _metric_scores(results: Results, position: int, wish: Wish) -> tuple[list[Score], str]:
    """A metric's number of each variant with its interval; and how their order compares with the paper's."""
    info, run_, last = results.metrics[position], results.runs[0], len(results.categories) - 1
    cells = results.cells[(results.cells["metric"] == position) & (results.cells["row"] == last)]
    entries = [entry.cell for entry in cells.sort_values("column")["entry"]]
    if empty := [cell.note for cell in entries if cell.value is None]:
        raise UserError(f"{info.title} has no number: {empty[0]}")
    values = np.array([cell.value for cell in entries], dtype=float)
    metric = METRICS.create(run_.settings["metrics"][info.id]["spec"])
    measured = [read_measurements(run_.folder, info.id, column.model) for column in results.columns]
    real = read_measurements(run_.folder, info.id, REFERENCE) if "reference" in info.reads else None
    replicates = replicate(metric, measured, real, affordable(metric, wish.replicates), wish.seed)
    samples = len(measured[0])
    scores = [
        Score(float(value), bootstrap_interval(value, row, samples=samples, bounds=metric.bounds), cell.n)
        for value, row, cell in zip(values, replicates, entries, strict=True)
    ]
    return scores, order_sentence(info, values, replicates)


def order_sentence(info: MetricInfo, values: npt.NDArray[np.float64], replicates: npt.NDArray[np.float64]) -> str:
    """The variants' order by one metric, and every pair that the paper has the other way round.

    Args:
        info: Of one of `METRIC_IDS`.
        values: Of the variants in the order of `PAPER`.
        replicates: The same over resampled clips, [variants, R]; its rows are paired.
    """
    sign = -1 if info.direction == "higher" else 1
    titles = [VARIANTS[variant].title for variant in PAPER]
    paper = np.array([row[METRIC_IDS.index(info.id)] for row in PAPER.values()])
    order = [titles[i] for i in np.argsort(sign * values, kind="stable")]
    turned = []
    for a, b in combinations(range(len(titles)), 2):
        if (values[a] - values[b]) * (paper[a] - paper[b]) < 0:
            good, bad = (a, b) if sign * values[a] < sign * values[b] else (b, a)
            gap = abs(values[a] - values[b])
            interval = bootstrap_interval(gap, sign * (replicates[bad] - replicates[good]))
            chance = ", which may be chance" if 0 in interval else ""
            turned.append(
                f"{titles[good]} is better than {titles[bad]} by {gap:.3g} (95% interval {interval.low:.3g} to "
                f"{interval.high:.3g}{chance})"
            )
    told = f"not the paper's, where it is the other way round: {'; '.join(turned)}" if turned else "as in the paper"
    return f"{info.title}, from best to worst: {', '.join(order)}; {told}."


def _costs(wish: Wish, run: Run, progress: Progress) -> dict[str, Cost]:
    """As `i2vbench profile` measures and counts them, at the run's size and steps."""
    from i2vbench.models.consisti2v.adapter import ConsistI2V
    from i2vbench.models.consisti2v.cost import count_flops, network_shape
    from i2vbench.models.consisti2v.runtime import Job, measure_apart

    profile = run.profile
    protocol, device = profile.protocol, run.settings["device"]
    shape: dict[str, Any] = {name: getattr(protocol, name) for name in ("num_frames", "height", "width")}
    found = {}
    for variant in PAPER:
        progress.say(f"timing {VARIANTS[variant].title}")
        models = create_models([_spec(variant, wish.checkpoint)])
        configure_models(models, profile)
        ((model, _),) = models.values()
        assert isinstance(model, ConsistI2V)
        folder = model.checkpoint_folder()
        steps = model.sampling.steps
        measured = measure_apart(
            Job(variant=variant, checkpoint=folder, device=device, dtype=wish.dtype, steps=steps, repeats=2, **shape)
        )
        flops = count_flops(**shape, **network_shape(folder), **VARIANTS[variant].unet)
        memory = None if measured.memory_bytes is None else measured.memory_bytes / 2**20
        found[variant] = Cost(memory, measured.seconds, flops.total / 1e12)
    return found


def _notes(wish: Wish, results: Results) -> list[str]:
    device = results.runs[0].settings["device"]
    seconds = f"the faster of two clips on {device} in {wish.dtype}"
    memory = "torch's on the GPU" if device.startswith("cuda") else "the whole process's"
    others = ", with other networks" if results.runs[0].settings["profile"].get("note") else ""
    return [
        f"Brackets: 95% bootstrap intervals over samples ({wish.replicates} resamples, of FID "
        f"{affordable(METRICS.create('fid'), wish.replicates)}, the same for all rows).",
        f"Memory is the most {memory}; runtime {seconds}; TFLOPs of one pass through the U-Net, counted.",
        f"The paper's numbers (in the CSV) are of UCF-101{others}.",
        *results.run_notes,
    ]
