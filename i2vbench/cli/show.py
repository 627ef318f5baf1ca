"""`i2vbench show`: how far a run is, and what failed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from i2vbench.cli.arguments import run_folder
from i2vbench.cli.options import Json, Run
from i2vbench.cli.output import print_json, say

if TYPE_CHECKING:
    from i2vbench.store import Store

MOST_REASONS = 20

_COUNTED = ("done", "owed", "failed", "not_applicable")


def show(run: Run, json_output: Json = False) -> None:
    """Say what is done, owed, failed and not applicable in a run, and why.

    Example: i2vbench show runs/mine
    """
    from i2vbench.run_file import read_settings
    from i2vbench.store import Store

    folder = run_folder(run, ())
    settings = read_settings(folder)
    # Of a metric that aggregates another one's features there is nothing to count.
    measured = [id_ for id_, record in settings["metrics"].items() if not record["info"].get("features_of")]
    with Store.open(folder) as store:
        rows, reasons = _progress(store, list(settings["models"]), measured)
    if json_output:
        told = [{"count": count, "reason": reason} for reason, count in reasons.most_common()]
        print_json({"run": run, "settings": settings, "progress": rows, "reasons": told})
    else:
        _print(run, settings, rows, reasons)


def _print(run: str, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], reasons: Counter[str]) -> None:
    dataset, protocol = settings["dataset"], settings["profile"]["protocol"]
    say(f"{run}: {dataset['samples']} samples of {dataset['name']}, seeds {settings['seeds']}, profile "
          f"{settings['profile']['name']} ({protocol['num_frames']} frames, {protocol['height']} x "
          f"{protocol['width']}, {protocol['fps']:g} fps), {settings['device']}, {settings['dtype']}, "
          f"reader {settings['reader']['version']}")  # fmt: skip
    if "first_frames" in settings:
        say(f"first frames: {settings['first_frames']['title']}")
    if note := settings["profile"].get("note"):
        say(f"profile {settings['profile']['name']}: {note}")
    names = [f"  {row['metric']}" if row["metric"] else f"generate {row['model']}" for row in rows]
    width = max(map(len, names))
    say(f"  {'':<{width}}" + "".join(f"{name.replace('_', ' '):>16}" for name in _COUNTED))
    for name, row in zip(names, rows, strict=True):
        say(f"  {name:<{width}}" + "".join(f"{row[counted]:>16}" for counted in _COUNTED))
    for reason, count in reasons.most_common(MOST_REASONS):
        say(f"  {count} x {reason}")
    if len(reasons) > MOST_REASONS:
        print(f"  and {len(reasons) - MOST_REASONS} other reasons; log.txt has all of them")


def _progress(store: Store, models: list[str], metrics: list[str]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """A row per model, and per model and metric, and how often each reason was given."""
    rows: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    for model in models:
        clips = store.clips(model)
        states: Counter[str] = Counter(clip.state for clip in clips)
        rows.append({"model": model, "metric": None, **_counts(states, len(clips))})
        reasons.update(_reason(f"{model}", clip.sample_id, clip.state, clip.reason) for clip in clips if clip.reason)
        per_metric: dict[str, Counter[str]] = {metric: Counter() for metric in metrics}
        for row in store.measurements(model=model):
            per_metric.setdefault(row.metric, Counter())[row.state] += 1
            if row.reason:
                reasons[_reason(f"{model}, {row.metric}", row.sample_id, row.state, row.reason)] += 1
        for metric, states in per_metric.items():
            total = _measurable(clip.state for clip in clips)
            rows.append({"model": model, "metric": metric, **_counts(states, total)})
    return rows, reasons


def _measurable(states: Iterable[str]) -> int:
    """Clips that have a video, or may yet have one."""
    return sum(state in ("done", "owed") for state in states)


def _counts(states: Counter[str], total: int) -> dict[str, int]:
    ended = {state: states[state] for state in ("done", "failed", "not_applicable")}
    return {**ended, "owed": total - sum(ended.values())}


def _reason(where: str, sample: str, state: str, reason: str | None) -> str:
    """One reason as a line; those of failures name the sample, so that it can be looked at."""
    if state == "failed":
        return f"failed: {where}, sample {sample}: {reason}"
    return f"not applicable: {where}: {reason}"
