"""What a run is asked for, and what decides its numbers, as `run.json` keeps it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2vbench import __version__
from i2vbench.datasets.base import Dataset
from i2vbench.errors import UserError
from i2vbench.first_frames import record as first_frames
from i2vbench.first_frames.base import FirstFrames
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.profiles import Profile, parse_profile
from i2vbench.registry import FIRST_FRAMES, METRICS, MODELS
from i2vbench.run_file import FORMAT, read_settings
from i2vbench.types import MetricInfo, ModelInfo
from i2vbench.video import reader_version
from i2vbench.weights import sha256_of

MEASURE_BATCH = 8
"""Neighbouring clips of the plan that are measured together."""

_GROWS = ("models", "metrics")
"""A finished run may be given more of these; everything else must stay."""

ENGINES = "engines"
"""Those that have worked on the run; they decide no number."""

_INCIDENTAL = re.compile(r"dataset\.(name|note)|(.*\.)?spec")
"""How something was named, and what is said of it; what it came to is compared instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What the user asks for.

    Attributes:
        models: NAME, NAME:ARGUMENT or FILE.py:Class each.
        metrics: The same; "all" stands for every built-in one. None given: those of the protocol, else all.
        static_only: Temporal flickering counts static clips alone, as VBench's own protocol has it.
        dataset: The same.
        first_frame: What models are shown instead of the data set's own first frames; the same.
        profile: A bundled profile's name, a TOML file, or a profile.
        protocol: Instead of the profile's; None takes the data set's, where it has one.
        seeds: Every sample is generated once under each.
        limit: Only the first so many samples.
        categories: Only samples of these; several may stand in one text, separated by commas.
        device: As torch names it; "auto" takes a GPU where there is one.
        dtype: As torch names it.
        batch_size: Requests a model is handed at once, where it takes so many.
        reader: "pyav" or "decord".
        out: The run's folder; None makes one up under `runs/` from the rest.
        storage: An address of fsspec where the run is kept instead; it is worked on in a folder of the cache then.
        resume: Refuse to begin a new run.
        retry_failed: Do again what failed before.
        skip_missing: Leave out metrics whose checkpoints are not here.
        engine: "local" or "ray": who does the work.
        devices: Where the local engine's workers are, a process each, as torch names them. None given: every GPU where
            `device` comes to "cuda", else this process.
        timings: Count where the time goes, in every process that works.
        cache: Whether to take over what other runs have made, and to keep for others what this one makes.
        address: Of a Ray cluster; None takes that of RAY_ADDRESS, or begins one on this machine for the run.
        workers: How many Ray is asked for; None as many as the cluster has room for when the run begins.
        gpus_per_worker: Of the cluster's GPUs, for each worker; fractions share one. None is 1.
    """

    models: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    static_only: bool = False
    dataset: str = "i2v-bench"
    first_frame: str | None = field(default=None, repr=False)  # the names of runs without are hashes of the rest
    profile: str | Profile = "paper"
    protocol: str | None = None
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    categories: tuple[str, ...] | None = None
    device: str = "auto"
    dtype: str = "float32"
    batch_size: int = 8
    reader: str = "pyav"
    out: Path | None = None
    resume: bool = False
    retry_failed: bool = False
    skip_missing: bool = False
    # Who works decides no number; the names of runs without are hashes of the rest.
    engine: str = field(default="local", repr=False)
    devices: tuple[str, ...] = field(default=(), repr=False)
    timings: bool = field(default=False, repr=False)
    cache: bool = field(default=True, repr=False)
    storage: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    workers: int | None = field(default=None, repr=False)
    gpus_per_worker: float | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The resolved settings of a run; models and metrics come with the text that named them.

    `skipped` says of metrics by id why they are left out, `engine` who works, `versions` what can move a number there.
    """

    config: RunConfig
    dataset: Dataset
    fingerprint: str
    num_samples: int
    models: Mapping[str, tuple[Model, str]]
    metrics: Mapping[str, tuple[Metric, str]]
    skipped: Mapping[str, str]
    profile: Profile
    engine: str
    versions: Mapping[str, str]
    first_frames: FirstFrames | None = None

    def _first_frames(self) -> dict[str, Any]:
        spec = self.config.first_frame
        if self.first_frames is None or spec is None:
            return {}
        return first_frames.recorded(self.first_frames, spec, FIRST_FRAMES.origin(spec))

    def as_dict(self) -> dict[str, Any]:
        """As `run.json` holds it."""
        config = self.config
        return {
            "format": FORMAT,
            "i2vbench": __version__,
            "dataset": {
                "spec": config.dataset,
                "name": self.dataset.name,
                **({"note": self.dataset.note} if self.dataset.note else {}),
                "samples": self.num_samples,
                "fingerprint": self.fingerprint,
            },
            **self._first_frames(),
            "selection": {
                "limit": config.limit,
                "categories": None if config.categories is None else list(config.categories),
            },
            "seeds": list(config.seeds),
            "profile": self.profile.as_dict(),
            "device": config.device,
            "dtype": config.dtype,
            "reader": {"name": config.reader, "version": reader_version(config.reader)},
            "batch_size": config.batch_size,
            "measure_batch": MEASURE_BATCH,
            "versions": dict(self.versions),
            ENGINES: [self.engine],
            "models": {
                name: {
                    "spec": spec,
                    **MODELS.origin(spec),
                    "fingerprint": model.fingerprint(),
                    "batch_size": min(config.batch_size, model.info.max_batch),
                    **({"settings": dict(model.settings())} if model.settings() else {}),
                    "info": info_as_dict(model.info),
                }
                for name, (model, spec) in self.models.items()
            },
            "metrics": {
                id_: {
                    "spec": spec,
                    **METRICS.origin(spec),
                    "info": info_as_dict(metric.info),
                    **self._checkpoints(id_, metric),
                }
                for id_, (metric, spec) in self.metrics.items()
            },
        }

    def _checkpoints(self, id_: str, metric: Metric) -> dict[str, Any]:
        """Which files a metric looks through, or why it does not."""
        if id_ in self.skipped:
            return {"skipped": self.skipped[id_]}
        hashes = {name: sha256_of(name) for name in metric.info.checkpoints}
        return {"checkpoints": hashes} if hashes else {}


def config_of(folder: Path) -> RunConfig:
    """What the run in `folder` was asked for, so that it can be gone on with by its folder alone.

    Raises:
        UserError: If there is no run, or it is damaged.
    """
    settings = read_settings(folder)
    try:
        selection = settings["selection"]
        return RunConfig(
            models=tuple(model["spec"] for model in settings["models"].values()),
            metrics=tuple(metric["spec"] for metric in settings["metrics"].values()),
            dataset=settings["dataset"]["spec"],
            first_frame=first_frames.spec_of(settings),
            profile=parse_profile(settings["profile"]),
            seeds=tuple(settings["seeds"]),
            limit=selection["limit"],
            categories=None if selection["categories"] is None else tuple(selection["categories"]),
            device=settings["device"],
            dtype=settings["dtype"],
            batch_size=settings["batch_size"],
            reader=settings["reader"]["name"],
            out=folder,
            resume=True,
            skip_missing=any("skipped" in metric for metric in settings["metrics"].values()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / 'run.json'} is damaged: {error!r}") from error


def info_as_dict(info: ModelInfo | MetricInfo) -> dict[str, Any]:
    """The declared facts as JSON holds them."""
    return {
        key: sorted(value) if isinstance(value, frozenset) else _as_lists(value)
        for key, value in dataclasses.asdict(info).items()
    }


def _as_lists(value: Any) -> Any:
    return [_as_lists(each) for each in value] if isinstance(value, tuple) else value


def merge_settings(before: dict[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run that is gone on with: those it had, with any new models and metrics behind them.

    Raises:
        UserError: If anything else differs, listing each difference.
    """
    fixed = [key for key in now if key not in (*_GROWS, first_frames.KEY, ENGINES)]
    differences = [line for key in fixed for line in _differences(key, before.get(key), now[key])]
    differences += first_frames.differences(before, now)
    for kind in _GROWS:
        for name in now[kind].keys() & before[kind].keys():
            if "skipped" in before[kind][name] or "skipped" in now[kind][name]:
                continue
            differences += _differences(f"{kind}.{name}", before[kind][name], now[kind][name])
    if differences:
        listed = "".join(f"\n  {line}" for line in differences)
        raise UserError(
            "the run in this folder was made under another configuration; go on with that one, or name another --out:"
            f"{listed}"
        )
    grown: dict[str, Any] = {kind: {**before[kind], **_newer(before[kind], now[kind])} for kind in _GROWS}
    # A prompt that was checked and stayed is the same sample; what is said of the data set is what is true now.
    data_set = {**before["dataset"], "spec": now["dataset"]["spec"], "note": now["dataset"].get("note")}
    named = {first_frames.KEY: now[first_frames.KEY]} if first_frames.KEY in now else {}
    grown[ENGINES] = list(dict.fromkeys([*before.get(ENGINES, []), *now[ENGINES]]))
    return {**before, **named, **grown, "dataset": {key: value for key, value in data_set.items() if value is not None}}


def _newer(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The new records, but for metrics that were measured before and are skipped now."""
    return {name: record for name, record in now.items() if name not in before or "skipped" not in record}


def _differences(key: str, before: Any, now: Any) -> list[str]:
    if isinstance(before, dict) and isinstance(now, Mapping):
        names = [name for name in dict.fromkeys([*before, *now]) if not _INCIDENTAL.fullmatch(f"{key}.{name}")]
        return [line for name in names for line in _differences(f"{key}.{name}", before.get(name), now.get(name))]
    if before == now:
        return []
    if key.endswith(".source_sha256"):
        return [f"{key.removesuffix('.source_sha256')}: its file has changed since"]
    if key.startswith("models.") and key.endswith(".fingerprint"):
        return [f"{key.removesuffix('.fingerprint')}: its files (a checkpoint, or videos) have changed since"]
    return [f"{key}: {before!r} there, {now!r} here"]
