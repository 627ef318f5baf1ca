"""The main job: plan, generate, measure, aggregate.

A run is a function of its settings: what stands in `run.json` decides every number, and a folder made under other
settings is refused. Models and metrics may be added to a finished run; what is there is kept.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from i2vbench.attempt import describe
from i2vbench.clips import read_to_protocol
from i2vbench.create import absolute, choose_profile, configure_models, create_metrics, create_models
from i2vbench.datasets.base import Dataset, check_samples
from i2vbench.doubts import doubts
from i2vbench.engine import LocalEngine
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.generate import check_protocol
from i2vbench.job import Job
from i2vbench.log import log_to
from i2vbench.models.base import Preparation
from i2vbench.progress import Progress
from i2vbench.real_features import RealFeatures
from i2vbench.registry import DATASETS
from i2vbench.run_file import read_settings
from i2vbench.settings import RunConfig, Settings, merge_settings, resolve_device
from i2vbench.store import REFERENCE, Store, folder_name
from i2vbench.types import ClipSource, PlannedClip, Sample
from i2vbench.video import VideoError
from i2vbench.weights.needs import lacking


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: Where it is.
        failed: Clips without a video, and measurements without a number, because something failed.
        stopped: The name of the signal that stopped it before the end; None if it ended by itself.
    """

    folder: Path
    failed: int
    stopped: str | None


def run(config: RunConfig, progress: Progress) -> Outcome:
    """Do all that `config` asks for and that is not done yet.

    Raises:
        UserError: For anything the user must mend; nothing is half-written then.
    """
    config = absolute(config)
    models, dataset = create_models(config.models), DATASETS.create(config.dataset)
    profile = choose_profile(config, dataset)
    configure_models(models, profile)
    metrics = create_metrics(config, profile)
    everything = _samples_of(dataset, config.dataset)
    categories = resolve_categories(everything, config.categories)
    plan = _plan(select(everything, config.limit, categories), config.seeds)
    samples = {planned.sample.id: planned.sample for planned in plan}
    ids = frozenset(sample.id for sample in everything)
    for model, _ in models.values():
        check_protocol(model.info, profile.protocol)
        model.prepare(Preparation(plan, ids, profile.protocol, config.reader))
    # The device comes last: asking for it imports torch, and a faulty data set is told at once without.
    config = replace(config, categories=categories, device=resolve_device(config.device))
    skipped = lacking({id_: metric.info for id_, (metric, _) in metrics.items()}, config.skip_missing)
    if dataset.note:
        progress.say(f"note: data set {dataset.name}: {dataset.note}")
    if profile.note:
        progress.say(f"note: profile {profile.name}: {profile.note}")
    measured = [metric for id_, (metric, _) in metrics.items() if id_ not in skipped]
    for line in doubts(measured, list(samples.values())):
        progress.say(f"note: {line}")
    settings = Settings(
        config=config,
        dataset=dataset,
        fingerprint=dataset.fingerprint(list(samples.values())),
        num_samples=len(samples),
        models=models,
        metrics=metrics,
        skipped=skipped,
        profile=profile,
    )
    recorded = settings.as_dict()
    folder = config.out or default_folder(config, dataset.name)
    if config.resume and not (folder / "run.json").exists():
        raise UserError(f"there is no run at {folder} to resume")
    with _writable(folder), Store.create(folder, recorded, merge_settings) as store, log_to(folder):
        recorded = read_settings(folder)
        for name in models:
            store.plan(name, plan, recorded["models"][name]["batch_size"])
        store.lose_missing_files(models)
        job = Job(
            store=store,
            samples=samples,
            models={name: model for name, (model, _) in models.items()},
            metrics={
                id_: metric
                for id_, (metric, _) in metrics.items()
                if id_ not in skipped and not metric.info.features_of
            },
            real=RealFeatures(recorded),
            protocol=profile.protocol,
            reader=config.reader,
            device=config.device,
            dtype=config.dtype,
            precision=profile.precision,
            measure_batch=recorded["measure_batch"],
            progress=progress,
        )
        if config.retry_failed:
            forget_failures(job)
        with stop_on_signal(job.stop, folder, progress) as received:
            LocalEngine(job).execute()
        return Outcome(folder, count_failed(store), received[0] if received else None)


def _samples_of(dataset: Dataset, spec: str) -> Sequence[Sample]:
    """All samples of a data set, held to what the run relies on."""
    name = getattr(dataset, "name", "")
    if not isinstance(name, str) or not name:
        raise UserError(f"data set '{spec}': expected its name to be a text, got {name!r}")
    try:
        samples = list(dataset.samples())
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"data set '{spec}' cannot list its samples: {describe(error)}") from error
    check_samples(name, samples)
    return samples


def resolve_categories(samples: Sequence[Sample], wanted: Sequence[str] | None) -> tuple[str, ...] | None:
    """The categories that are meant, in the data set's order.

    Args:
        samples: All of them.
        wanted: Names, or several in one text, separated by commas. None takes all.

    Raises:
        UserError: For a category that the data set does not have.
    """
    if wanted is None:
        return None
    known = list(dict.fromkeys(sample.category for sample in samples))
    names: list[str] = []
    for text in wanted:
        names += [text] if text in known else [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UserError(f"unknown category {', '.join(map(repr, unknown))}; the data set has {', '.join(known)}")
    return tuple(category for category in known if category in names)


def select(samples: Sequence[Sample], limit: int | None, categories: Sequence[str] | None) -> list[Sample]:
    """The first `limit` samples of these categories (None: of all), in the data set's order."""
    return [sample for sample in samples if categories is None or sample.category in categories][:limit]


def _plan(samples: Sequence[Sample], seeds: Sequence[int]) -> list[PlannedClip]:
    return [PlannedClip(sample, seed, request_seed(seed, sample.id)) for sample in samples for seed in seeds]


def request_seed(seed: int, sample_id: str) -> int:
    """The seed a model is given: of the run's seed and the sample's id alone, so that samples differ in their noise."""
    digest = hashlib.sha256(f"{seed}/{sample_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def default_folder(config: RunConfig, dataset_name: str) -> Path:
    """`runs/DATASET-MODELS-HASH`: readable, and the same for the same models and data, whatever the metrics."""
    specs = tuple(sorted(config.models))
    decides = replace(
        config,
        models=specs,
        metrics=(),
        static_only=False,
        out=None,
        resume=False,
        retry_failed=False,
        skip_missing=False,
        device="",
    )
    digest = hashlib.sha256(repr(decides).encode()).hexdigest()[:6]
    names = [Path(spec).stem if "/" in spec else spec for spec in specs]
    models = "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") for name in names)
    return Path("runs") / folder_name(f"{dataset_name}-{models[:60]}-{digest}")


def count_failed(store: Store) -> int:
    """Clips and measurements that failed."""
    clips = sum(clip.state == "failed" for clip in store.clips())
    return clips + sum(row.state == "failed" for row in store.measurements())


def forget_failures(job: Job) -> None:
    """Owe again what failed of the job's models and metrics, and stored videos that cannot be read any more."""
    store = job.store
    for name in job.models:
        batches = {clip.batch for clip in store.clips(name) if clip.state == "failed"}
        rows = [row for row in store.measurements(model=name) if row.state == "failed" and row.metric in job.metrics]
        failed = {(row.sample_id, row.seed) for row in rows}
        for clip in store.clips(name):
            if (clip.sample_id, clip.seed) in failed and not _readable(store.folder / clip.video, job):
                batches.add(clip.batch)
        store.owe_again(name, sorted(batches))
    for row in list(store.measurements()):
        ours = row.metric in job.metrics and (row.model == REFERENCE or row.model in job.models)
        if row.state == "failed" and ours:
            store.forget_measurement(row.model, row.sample_id, row.seed, row.metric)


def _readable(path: Path, job: Job) -> bool:
    try:
        read_to_protocol(ClipSource(path), job.protocol, job.reader)
    except VideoError:
        return False
    return True


@contextmanager
def stop_on_signal(stop: threading.Event, folder: Path, progress: Progress) -> Iterator[list[str]]:
    """Turn the first Ctrl-C or SIGTERM into a wish to stop, a second one into an end at once.

    Yields:
        The names of the signals received.
    """
    received: list[str] = []

    def handle(number: int, _: FrameType | None) -> None:
        if received:
            # Whatever a model is amid of, the store is whole at any instant.
            show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the bars have hidden it
            print(f"{show_cursor}\n{resume_hint(folder)}", file=sys.stderr, flush=True)
            os._exit(128 + number)
        received.append(signal.Signals(number).name)
        stop.set()
        progress.say("Stopping after the batch at hand (Ctrl-C again: at once) ...")

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def resume_hint(folder: Path) -> str:
    """How to go on with a run that was stopped."""
    return f"Stopped. Go on with: i2vbench run --resume --out {shlex.quote(str(folder))}"


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """A disk that is full or read-only is the user's to mend, wherever in the run it shows."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not is_disk_error(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"the run {folder} cannot be written to: {reason}. What is done is kept; mend it and run the same command"
        ) from error
