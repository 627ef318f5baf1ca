"""What a run's names come to: models, metrics, profile."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from i2vbench.datasets.base import Dataset
from i2vbench.errors import UserError
from i2vbench.first_frames.base import FirstFrames
from i2vbench.job import Tools
from i2vbench.kept.keys import Keys
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.names import ALL, nearest, split_label
from i2vbench.place import Place
from i2vbench.profiles import Profile, load_profile
from i2vbench.registry import DATASETS, FIRST_FRAMES, METRICS, MODELS
from i2vbench.settings import RunConfig
from i2vbench.storage.address import home_of, parse_address

FLICKERING = "temporal_flickering"
STATIC_ONLY = f"{FLICKERING}:static-only"


def absolute(config: RunConfig) -> RunConfig:
    """The same wish with the paths in its names absolute, the seeds in order, and the folder of a run at an address.

    Raises:
        UserError: Something in it names nothing; `out` besides `storage`.
    """
    if config.storage is not None:
        address = parse_address(config.storage)
        if config.out not in (None, home_of(address)):
            raise UserError(f"out: a run at an address is worked on in {home_of(address)}; leave it out")
        config = replace(config, storage=address, out=home_of(address))
    return replace(
        config,
        models=tuple(MODELS.absolute(spec) for spec in config.models),
        metrics=tuple(spec if spec == ALL else METRICS.absolute(spec) for spec in config.metrics),
        dataset=DATASETS.absolute(config.dataset),
        first_frame=config.first_frame and FIRST_FRAMES.absolute(config.first_frame),
        seeds=tuple(sorted(set(config.seeds))),
    )


def create_models(specs: Sequence[str]) -> dict[str, tuple[Model, str]]:
    """The models with what named them, by the name of their column."""
    models: dict[str, tuple[Model, str]] = {}
    for spec in dict.fromkeys(specs):
        model = MODELS.create(spec)
        if model.info.name in models:
            raise UserError(
                f"models '{models[model.info.name][1]}' and '{spec}' are both called '{model.info.name}'; "
                "give them different names (videos:NAME=PATH; a checkpoint's is its folder's), or a run of its own each"
            )
        models[model.info.name] = (model, spec)
    return models


def configure_models(models: Mapping[str, tuple[Model, str]], profile: Profile) -> None:
    """Give models the profile's options: those of NAME and, winning over these, of NAME:ARGUMENT.

    A model under a label of its own, NAME:LABEL=PATH, has those of NAME:PATH too, and its own win over them.

    A checkpoint that the user names himself wins over the profile's.

    Raises:
        UserError: The profile has options of a model that is not built in, or wrong ones.
    """
    if unknown := sorted(name for name in profile.models if name.partition(":")[0] not in MODELS.builtin):
        near = nearest(unknown[0].partition(":")[0], MODELS.builtin)
        raise UserError(f"profile {profile.name}: options of an unknown model '{unknown[0]}': {near}")
    of_one = {MODELS.absolute(name): options for name, options in profile.models.items() if ":" in name}
    for model, spec in models.values():
        name, _, argument = spec.partition(":")
        options = {
            **profile.models.get(name, {}),
            **of_one.get(MODELS.absolute(_unlabelled(spec)), {}),
            **of_one.get(MODELS.absolute(spec), {}),
        }
        if options and argument and MODELS.builtin[name].split(argument)[1]:
            options.pop("checkpoint", None)
        if options:
            model.configure(options)


def _unlabelled(spec: str) -> str:
    """NAME:PATH of NAME:LABEL=PATH, where a label is but what the column is called."""
    name, _, argument = spec.partition(":")
    entry = MODELS.builtin.get(name)
    labelled = entry is not None and entry.argument.startswith("[NAME=]")
    return f"{name}:{split_label(argument)[1]}" if labelled else spec


def choose_profile(config: RunConfig, dataset: Dataset) -> Profile:
    """The profile under the protocol that was asked for, else under the data set's own, if it has one."""
    if isinstance(config.profile, Profile):  # of a run that is gone on with
        return config.profile
    profile = load_profile(config.profile)
    # A protocol that the profile states itself has no name, and stays.
    protocol = config.protocol or (dataset.protocol if profile.protocol.name else "")
    return profile.under(protocol) if protocol else profile


def create_metrics(config: RunConfig, profile: Profile) -> dict[str, tuple[Metric, str]]:
    """The metrics with what named them, by id; those whose features another one aggregates come before it.

    Raises:
        UserError: For two of one id; a profile that gives checkpoints to a metric that is not there; `static_only`
            without the metric that it narrows.
    """
    given = config.metrics or profile.protocol.metrics or (ALL,)
    specs = [name for spec in given for name in (list(METRICS.builtin) if spec == ALL else [spec])]
    if config.static_only:
        specs = _narrowed(specs)
    metrics: dict[str, tuple[Metric, str]] = {}
    for spec in dict.fromkeys(specs):
        metric = METRICS.create(spec)
        source = metric.info.features_of
        if source and source not in metrics:
            metrics[source] = METRICS.create(source), source
        if metric.info.id in metrics:
            if spec == metric.info.id:  # it is there for another one's sake
                continue
            raise UserError(f"metrics '{metrics[metric.info.id][1]}' and '{spec}' have one id, '{metric.info.id}'")
        metrics[metric.info.id] = (metric, spec)
    for metric, _ in metrics.values():
        metric.prepare(profile)
    strangers = set(profile.checkpoints) - {*METRICS.builtin, *metrics}
    if strangers and (unknown := sorted(strangers - _builtin_ids())):
        near = nearest(unknown[0], {*_builtin_ids(), *metrics})
        raise UserError(f"profile {profile.name}: checkpoints of an unknown metric '{unknown[0]}': {near}")
    return metrics


def _builtin_ids() -> set[str]:
    """Ids of the built-in metrics and of their variants."""
    variants = [f"{name}:{word}" for name, entry in METRICS.builtin.items() for word in entry.words]
    return {METRICS.create(spec).info.id for spec in [*METRICS.builtin, *variants]}


def _narrowed(specs: Sequence[str]) -> list[str]:
    """Temporal flickering of static clips alone, in the place of that of all."""
    if FLICKERING not in specs and STATIC_ONLY not in specs:
        raise UserError(f"--static-only is about {FLICKERING}, which is not among the metrics")
    return [STATIC_ONLY if spec == FLICKERING else spec for spec in specs]


def assemble(
    config: RunConfig,
    profile: Profile,
    models: Mapping[str, tuple[Model, str]],
    metrics: Mapping[str, tuple[Metric, str]],
    skipped: Collection[str],
    recorded: Mapping[str, Any],
    place: Place,
    first_frames: FirstFrames | None,
) -> Tools:
    """What a run's work is done with.

    Args:
        config: The run's.
        profile: What its name comes to.
        models: Of `create_models`, prepared.
        metrics: Of `create_metrics`; what aggregates another one's features measures nothing itself.
        skipped: Ids of metrics that are left out.
        recorded: What run.json says.
        place: Where files are kept.
        first_frames: Prepared; None where they are the data set's own.
    """
    return Tools(
        place=place,
        models={name: model for name, (model, _) in models.items()},
        metrics={
            id_: metric for id_, (metric, _) in metrics.items() if id_ not in skipped and not metric.info.features_of
        },
        keys=Keys(recorded) if config.cache else None,
        protocol=profile.protocol,
        reader=config.reader,
        dtype=config.dtype,
        precision=profile.precision,
        first_frames=first_frames,
    )
