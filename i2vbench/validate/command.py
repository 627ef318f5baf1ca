"""From what `validate-metrics` is asked for to what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from i2vbench.create import create_metrics
from i2vbench.datasets.synthetic import held_out
from i2vbench.errors import UserError
from i2vbench.machine import resolve_device
from i2vbench.metrics.base import Metric, NetworkMetric
from i2vbench.names import nearest
from i2vbench.profiles import Protocol, load_profile
from i2vbench.progress import Progress
from i2vbench.registry import DATASETS
from i2vbench.settings import RunConfig
from i2vbench.validate.damages import DAMAGES
from i2vbench.validate.study import Reaction, Study, study
from i2vbench.validate.subjects import DrawnSubject, RealSubject, Subject
from i2vbench.validate.truth import Score, against_truth
from i2vbench.weights.needs import lacking

DRAWN = "synthetic"

ENOUGH = 6
"""Of fewer clips an answer hangs on one or two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for.

    Attributes:
        profile: A bundled profile's name, or a TOML file.
        metrics: As a run takes them.
        damages: Names; none are all.
        dataset: "synthetic", or a data set with real clips.
        clips: How many.
        device: As torch names it, or "auto".
        quick: The strongest grade of each damage alone.
    """

    profile: str
    metrics: tuple[str, ...]
    damages: tuple[str, ...] = ()
    dataset: str = DRAWN
    clips: int = 12
    device: str = "auto"
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What came out.

    Attributes:
        reactions: Of the metrics to damage.
        scores: Of their networks against the truth.
        title: A line that says of what.
        profile: Its label, for files that stand alone.
        notes: What a reader must know: what was left out, and what stands on few clips.
    """

    reactions: Sequence[Reaction]
    scores: Sequence[Score]
    title: str
    profile: str
    notes: Sequence[str] = ()


def validate(wish: Wish, progress: Progress) -> Found:
    """Put the metrics to the test; on drawn clips their networks too.

    Raises:
        UserError: Unknown names, checkpoints that are not here, too few clips.
    """
    for name in wish.damages:
        if name not in DAMAGES:
            raise UserError(f"--damages '{name}': {nearest(name, list(DAMAGES))}")
    if wish.dataset != DRAWN:
        DATASETS.check_name(wish.dataset)
    profile = load_profile(wish.profile)
    config = RunConfig(models=(), metrics=wish.metrics, profile=profile)
    made = create_metrics(config, profile)
    lacking({id_: metric.info for id_, (metric, _) in made.items()}, skip=False)
    metrics = {id_: metric for id_, (metric, _) in made.items()}
    subjects = _subjects(wish, profile.protocol)
    if profile.note:
        progress.say(f"note: profile {profile.name}: {profile.note}")
    device = resolve_device(wish.device)
    damages = [damage for name, damage in DAMAGES.items() if not wish.damages or name in wish.damages]
    if wish.quick:
        damages = [damage.strongest() for damage in damages]
    found = study(metrics, subjects, progress, damages, device)
    scores: list[Score] = []
    if wish.dataset == DRAWN:
        with_network = {id_: metric for id_, metric in metrics.items() if isinstance(metric, NetworkMetric)}
        seeds = [held_out(i) for i in range(len(subjects))]
        scores = against_truth(with_network, seeds, profile.protocol, progress, device)
    note = f" ({profile.note})" if profile.note else ""
    title = f"Metrics put to the test: profile {profile.name}{note}, {len(subjects)} clips of {wish.dataset}"
    return Found(found.reactions, scores, title, profile.label, _notes(found, metrics))


def _notes(found: Study, metrics: Mapping[str, Metric]) -> list[str]:
    notes = [f"{id_} was not put to the test: {why}" for id_, why in found.left_out.items()]
    for damage, unanswered in found.unanswered.items():
        for why in dict.fromkeys(unanswered.values()):
            some = [id_ for id_, reason in unanswered.items() if reason == why]
            of = "" if len(some) + len(found.left_out) == len(metrics) else f" of {', '.join(some)}"
            notes.append(f"no answer{of} to {damage}: {why}")
    least = min((reaction.clips for reaction in found.reactions), default=ENOUGH)
    if least < ENOUGH:
        notes.append(f"verdicts stand on few clips, some on {least}: of fewer than {ENOUGH} they are largely chance")
    clips: dict[str, int] = {}
    for reaction in found.reactions:
        clips[reaction.metric] = max(clips.get(reaction.metric, 0), reaction.clips)
    few = [id_ for id_, count in clips.items() if count < (metrics[id_].info.least_per_category or 0)]
    if few:
        meant = ", ".join(f"{id_} of {metrics[id_].info.least_per_category}" for id_ in few)
        notes.append(f"meant for more clips than are here, so that much of the number is bias: {meant}")
    return notes


def _subjects(wish: Wish, protocol: Protocol) -> list[Subject]:
    if wish.dataset == DRAWN:
        return [DrawnSubject(held_out(i), protocol) for i in range(wish.clips)]
    samples = list(DATASETS.create(wish.dataset).samples())
    real = [sample for sample in samples if sample.reference is not None]
    if len(real) < 2:
        raise UserError(f"data set {wish.dataset}: {len(real)} of its samples have a clip; at least two are needed")
    return [RealSubject(sample, samples, protocol) for sample in real[: wish.clips]]
