"""What the metrics of a run need and what of it is not here, told before any work."""

from __future__ import annotations

from collections.abc import Mapping

from i2vbench.errors import UserError
from i2vbench.types import MetricInfo
from i2vbench.weights.catalogue import entry
from i2vbench.weights.report import commands, missing_table
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
    lost = {id_: [entry(name) for name in names if name in gone] for id_, names in needed.items()}
    return {
        id_: f"not here: {', '.join(facts.name for facts in of_one)} ({commands(of_one)})"
        for id_, of_one in lost.items()
        if of_one
    }
