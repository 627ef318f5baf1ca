"""`i2vbench clips`: the clips behind a cell of a table, worst first."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import run_folder, split
from i2vbench.cli.options import Json, OnlyModels, Run
from i2vbench.cli.output import print_json, say
from i2vbench.errors import UserError
from i2vbench.names import nearest

if TYPE_CHECKING:
    from i2vbench.tables.scores import Scores
    from i2vbench.types import MetricInfo


def clips(
    run: Run,
    metric: Annotated[
        str,
        typer.Argument(
            metavar="METRIC", help="The metric whose numbers are meant.", autocompletion=complete.run_metric
        ),
    ],
    model: OnlyModels = None,
    categories: Annotated[list[str] | None, options.categories(offers=complete.run_categories)] = None,
    best: Annotated[bool, options.own(options.SHOWN, "Best first.", "--best")] = False,
    limit: Annotated[int, options.limit(": clips of the list.")] = 10,
    json_output: Json = False,
) -> None:
    """List the clips behind a cell, worst first: numbers, and where the videos are.

    Clips that have no number come first, with the reason: they are not in the cell's mean.

    Example: i2vbench clips runs/mine temporal_flickering --categories Pet
    """
    from i2vbench.plan import resolve_categories
    from i2vbench.tables.runs import open_run
    from i2vbench.tables.scores import scores_of
    from i2vbench.tables.wanted import wanted_metrics

    opened = open_run(run_folder(run, ()))
    info = wanted_metrics([opened], [metric], trusted=())[metric][0].info
    known = list(opened.settings["models"])
    for name in split(model):
        if name not in known:
            raise UserError(f"no model '{name}' in {run}: {nearest(name, known)}")
    wanted = resolve_categories(list(opened.samples.values()), categories)
    found: list[dict[str, Any]] = []
    for name in split(model) or known:
        scores = scores_of(opened, name, metric)
        assert scores is not None  # or it would not be among the wanted ones
        found += _clips(scores, name, wanted, info)
    found.sort(key=lambda clip: _order(clip, worst_is_low=info.direction == "higher", best=best))
    if json_output:
        print_json(found[:limit])
    elif any(clip["state"] == "done" for clip in found) and all(clip["value"] is None for clip in found):
        raise UserError(f"{metric} has no number of a single clip here; `i2vbench table {run}` says why")
    else:
        _print(found, limit, run)


def _clips(scores: Scores, model: str, categories: Sequence[str] | None, info: MetricInfo) -> Iterator[dict[str, Any]]:
    """What is said of each clip of a model; the video's place is relative to the run's folder."""
    from i2vbench.tables.scores import STATES

    for category, positions in scores.by_category.items():
        if categories is not None and category not in categories:
            continue
        for position in positions.tolist():
            clip, value = scores.clips[position], float(scores.values[position])
            yield {
                "model": model,
                "sample": clip.sample_id,
                "seed": clip.seed,
                "category": category,
                "state": STATES[scores.states[position]],
                "value": None if math.isnan(value) else value,
                "printed": "" if math.isnan(value) else info.print(value),
                "reason": scores.reason(position),
                "video": clip.video,
            }


def _order(clip: Mapping[str, Any], worst_is_low: bool, best: bool) -> tuple[bool, float]:
    """Clips without a number first, or last where the best come first; equal ones stay in the order of the plan."""
    value = clip["value"]
    if value is None:
        return best, 0.0
    return not best, value if worst_is_low != best else -value


def _print(found: Sequence[Mapping[str, Any]], limit: int, run: str) -> None:
    width = max(len(clip["printed"]) for clip in found)
    for clip in found[:limit]:
        number = (clip["printed"] or "–").rjust(width)
        video = f"{run.rstrip('/')}/{clip['video']}"
        why = "" if clip["printed"] else f"{clip['state'].replace('_', ' ')}: {clip['reason']}"
        say(f"{number}  {clip['category']}  {clip['model']}  {clip['sample']}  seed {clip['seed']}  {why or video}")
    if len(found) > limit:
        print(f"and {len(found) - limit} more; --limit {len(found)} shows all", file=sys.stderr)
