"""What the metrics of a run need and what of it is not here, told before any work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from i2vbench.errors import UserError
from i2vbench.types import MetricInfo
from i2vbench.weights.catalogue import entry
from i2vbench.weights.report import missing_table
from i2vbench.weights.store import check_runnable, missing


def lacking(metrics: Mapping[str, MetricInfo], skip: bool) -> dict[str, str]:
    """Why some metrics must be left out, by id: a checkpoint of theirs is not here.

    Args:
        metrics: By id.
        skip: Whether they may be left out.

    Raises:
        UserError: If they may not, with a table of what is missing and the command that gets it; or if a checkpoint
            that is here must not be run.
    """
    needed = {id_: metrics.get(info.features_of, info).checkpoints for id_, info in metrics.items()}
    entries = missing(name for names in needed.values() for name in names)
    if entries and not skip:
        needed_by = {entry.name: [id_ for id_, names in needed.items() if entry.name in names] for entry in entries}
        raise UserError(
            "the metrics need checkpoints that are not here (--skip-missing goes on without these metrics):\n"
            f"{missing_table(entries, needed_by)}"
        )
    gone = {entry.name for entry in entries}
    for name in {name for names in needed.values() for name in names} - gone:
        check_runnable(name)
    return {
        id_: f"not here: {', '.join(name for name in names if name in gone)} ({_how(names, gone)})"
        for id_, names in needed.items()
        if gone.intersection(names)
    }


def _how(names: Iterable[str], gone: Collection[str]) -> str:
    """What brings those of them that are not here, in short."""
    lost = [entry(name) for name in names if name in gone]
    fetched = " ".join(facts.name for facts in lost if not facts.extra)
    commands = [facts.command for facts in lost if facts.extra]
    return "; ".join([*([f"i2vbench weights fetch {fetched}"] if fetched else []), *dict.fromkeys(commands)])
