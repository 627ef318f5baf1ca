"""`i2vbench data curate`: the stages in their order, each resumed where it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from i2vbench.curation.choosing import Aesthetic, Annotate, Category, Quota
from i2vbench.curation.cutting import CutClips, Shots
from i2vbench.curation.finding import Download, Listing, Metadata, Search
from i2vbench.curation.looking import Duplicates, Motion, Picture, Text
from i2vbench.curation.plan import Plan
from i2vbench.curation.stage import FAULT, Item, MeasuringStage, Place, Stage
from i2vbench.errors import UserError
from i2vbench.extras import need
from i2vbench.progress import Progress

STAGES: tuple[type[Stage], ...] = (
    Search, Listing, Metadata, Download, Shots, CutClips, Picture, Text, Motion, Duplicates, Aesthetic, Category,
    Quota, Annotate,
)  # fmt: skip

NAMES = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a stage made of what came to it.

    Attributes:
        name: The stage's.
        items: Those that were judged.
        reasons: Of each of them, in order: why it is left out, "" if it goes on.
        unmeasured: How many came that are not measured yet.
    """

    name: str
    items: Sequence[Item]
    reasons: Sequence[str]
    unmeasured: int = 0

    @property
    def came(self) -> int:
        return len(self.items) + self.unmeasured

    @property
    def kept(self) -> list[Item]:
        return [item for item, reason in zip(self.items, self.reasons, strict=True) if not reason]

    @property
    def kinds(self) -> Counter[str]:
        """How many are left out for a reason of each kind."""
        return Counter(reason.partition(":")[0] for reason in self.reasons if reason)


@dataclass(frozen=True, slots=True)
class Report:
    """What all stages made of it.

    Attributes:
        stages: In their order, as far as they were gone through.
        quotas: Clips wanted of each category.
    """

    stages: Sequence[StageReport]
    quotas: Mapping[str, int] = field(default_factory=dict)

    @property
    def chosen(self) -> list[Item]:
        """The clips of the data set; what the last stage could not look at is in it all the same."""
        return next((stage.kept for stage in self.stages if stage.name == "quota"), [])

    @property
    def lost(self) -> Counter[str]:
        """Videos that could not be had, by the kind of the reason."""
        stages = [stage for stage in self.stages if stage.name in ("metadata", "download")]
        faults = [item.facts[stage.name].get(FAULT, "") for stage in stages for item in stage.items]
        return Counter(str(fault).partition(":")[0] for fault in faults if fault)


def curate(
    plan: Plan,
    place: Place,
    progress: Progress,
    until: str = NAMES[-1],
    dry_run: bool = False,
    ended: Callable[[StageReport], object] = lambda report: None,
) -> Report:
    """Go through the stages; what was measured before is not measured again.

    Args:
        plan: What is wanted.
        place: Where, and with what.
        progress: Is told.
        until: The last stage.
        dry_run: Measure and write nothing: judge what is measured by the plan as it is now.
        ended: Is told of each stage as it ends.

    Raises:
        UserError: A package or a checkpoint is not here, before anything is done.
        OSError: The disk is at fault.
    """
    stages = [stage(plan, place) for stage in STAGES[: NAMES.index(until) + 1]]
    if not dry_run:
        check_needs([stage for stage in stages if isinstance(stage, MeasuringStage)])
    items: list[Item] = []
    reports: list[StageReport] = []
    for stage in stages:
        items = stage.items(items)
        if isinstance(stage, MeasuringStage):
            keys = stage.keys(items)
            _recall(stage, items, keys)
            if not dry_run:
                _measure(stage, items, keys, progress)
        report = _judge(stage, items)
        ended(report)
        reports.append(report)
        items = report.kept
    quotas = next((stage.quotas for stage in stages if isinstance(stage, Quota)), {})
    return Report(reports, quotas)


def checkpoints_of(plan: Plan, place: Place) -> list[str]:
    """What the stages look through, by the catalogue's names, each once."""
    stages = [stage(plan, place) for stage in STAGES]
    return list(dict.fromkeys(n for stage in stages if isinstance(stage, MeasuringStage) for n in stage.checkpoints))


def check_needs(stages: Sequence[MeasuringStage]) -> None:
    """Refuse what measuring would lack, before anything is done.

    Raises:
        UserError: A package or a checkpoint is not here.
    """
    from i2vbench import weights

    for stage in stages:
        if stage.packages:
            need(f"the stage {stage.name}", "data", *stage.packages)
    needed_by: dict[str, list[str]] = {}
    for stage in stages:
        for name in stage.checkpoints:
            needed_by.setdefault(name, []).append(stage.name)
    if lacking := weights.missing(needed_by):
        gone_names = {entry.name for entry in lacking}
        first = next(i for i, stage in enumerate(stages) if gone_names.intersection(stage.checkpoints))
        before = stages[first - 1].name
        raise UserError(
            f"stages need checkpoints that are not here (--until {before} goes as far as it gets without):\n"
            + weights.missing_table(lacking, {entry.name: needed_by[entry.name] for entry in lacking})
        )


def _measure(stage: MeasuringStage, items: Sequence[Item], keys: Mapping[str, str], progress: Progress) -> None:
    """Measure what is not measured yet; each measurement is kept as soon as it is made."""
    todo = [item for item in items if stage.name not in item.facts or stage.stale(item)]
    if not items:
        return
    progress.start(stage.name, len(items), len(items) - len(todo), stage.noun)
    if not todo:
        return
    for item, seen in stage.measure(todo):
        stage.place.store.keep(stage.name, item.id, keys[item.id], seen)
        item.facts[stage.name] = seen.facts
        progress.advance(stage.name, doing=str(seen.facts.get(FAULT, "")))


def _recall(stage: MeasuringStage, items: Sequence[Item], keys: Mapping[str, str]) -> None:
    """Give items what was measured of them before, under the same settings."""
    known = stage.place.store.measured(stage.name, keys)
    for item in items:
        if item.id in known:
            item.facts[stage.name] = known[item.id].facts


def _judge(stage: Stage, items: Sequence[Item]) -> StageReport:
    judged = [item for item in items if stage.name in item.facts] if isinstance(stage, MeasuringStage) else list(items)
    return StageReport(stage.name, judged, stage.judge(judged), len(items) - len(judged))
