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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from i2vbench.clips import read_to_protocol
from i2vbench.create import absolute, choose_profile, configure_models, create_metrics, create_models
from i2vbench.datasets.base import Dataset
from i2vbench.doubts import doubts
from i2vbench.engine import LocalEngine
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.first_frames.base import FirstFrames
from i2vbench.first_frames.making import forget_unmade
from i2vbench.generate import check_protocol
from i2vbench.job import Job
from i2vbench.log import log_to
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model, Preparation
from i2vbench.plan import make_plan, resolve_categories, samples_of, select
from i2vbench.profiles import Profile
from i2vbench.progress import Progress
from i2vbench.real_features import RealFeatures
from i2vbench.registry import DATASETS, FIRST_FRAMES
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


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What a run's configuration comes to.

    Attributes:
        config: With names from the root, the categories that are meant, and the device.
        folder: The run's.
        chosen: The samples with the data set's own first frames.
        plan: The same under every seed, with the first frames that models are shown.
        skipped: By metric id, why it is left out.
    """

    config: RunConfig
    folder: Path
    dataset: Dataset
    profile: Profile
    models: Mapping[str, tuple[Model, str]]
    metrics: Mapping[str, tuple[Metric, str]]
    skipped: Mapping[str, str]
    first_frames: FirstFrames | None
    chosen: Sequence[Sample]
    plan: Sequence[PlannedClip]

    @property
    def samples(self) -> dict[str, Sample]:
        return {planned.sample.id: planned.sample for planned in self.plan}


def run(config: RunConfig, progress: Progress) -> Outcome:
    """Do all that `config` asks for and that is not done yet.

    Raises:
        UserError: For anything the user must mend; nothing is half-written then.
    """
    asked = _resolve(absolute(config))
    for line in _notes(asked):
        progress.say(f"note: {line}")
    settings, folder = _settings(asked).as_dict(), asked.folder
    if config.resume and not (folder / "run.json").exists():
        raise UserError(f"there is no run at {folder} to resume")
    with _writable(folder), Store.create(folder, settings, merge_settings) as store, log_to(folder):
        job = _record(asked, store, progress)
        if config.retry_failed:
            forget_failures(job)
        with stop_on_signal(job.stop, folder, progress) as received:
            LocalEngine(job).execute()
        return Outcome(folder, count_failed(store), received[0] if received else None)


def _resolve(config: RunConfig) -> _Asked:
    """Everything that names stand for, held to each other; nothing is written.

    Raises:
        UserError: A name stands for nothing, things do not go together, or checkpoints are missing.
    """
    models, dataset = create_models(config.models), DATASETS.create(config.dataset)
    profile = choose_profile(config, dataset)
    configure_models(models, profile)
    metrics = create_metrics(config, profile)
    everything = samples_of(dataset, config.dataset)
    categories = resolve_categories(everything, config.categories)
    chosen = select(everything, config.limit, categories)
    ids = frozenset(sample.id for sample in everything)
    folder = config.out or default_folder(config, dataset.name)
    first_frames = FIRST_FRAMES.create(config.first_frame) if config.first_frame else None
    plan = make_plan(first_frames.show(chosen, ids, folder) if first_frames else chosen, config.seeds)
    for name, (model, _) in models.items():
        check_protocol(model.info, profile.protocol)
        own = folder / "models" / folder_name(name)
        model.prepare(Preparation(plan, ids, profile.protocol, config.reader, own))
    # The device comes last: asking for it imports torch, and a faulty data set is told at once without.
    config = replace(config, categories=categories, device=resolve_device(config.device))
    skipped = lacking({id_: metric.info for id_, (metric, _) in metrics.items()}, config.skip_missing)
    return _Asked(config, folder, dataset, profile, models, metrics, skipped, first_frames, chosen, plan)


def _notes(asked: _Asked) -> Iterator[str]:
    """What is to be known of a run before it begins."""
    dataset, profile = asked.dataset, asked.profile
    if asked.first_frames is not None:
        yield f"first frames: {asked.first_frames.title}"
    if dataset.note:
        yield f"data set {dataset.name}: {dataset.note}"
    if profile.note:
        yield f"profile {profile.name}: {profile.note}"
    measured = [metric for id_, (metric, _) in asked.metrics.items() if id_ not in asked.skipped]
    yield from doubts(measured, list(asked.samples.values()))


def _settings(asked: _Asked) -> Settings:
    """What decides the numbers of a run."""
    return Settings(
        config=asked.config,
        dataset=asked.dataset,
        # with its own first frames, whatever models are shown
        fingerprint=asked.dataset.fingerprint(list(asked.chosen)),
        num_samples=len(asked.chosen),
        models=asked.models,
        metrics=asked.metrics,
        skipped=asked.skipped,
        profile=asked.profile,
        first_frames=asked.first_frames,
    )


def _record(asked: _Asked, store: Store, progress: Progress) -> Job:
    """Write the plan, and hand back what is to be done of it."""
    recorded = read_settings(asked.folder)
    for name in asked.models:
        store.plan(name, asked.plan, recorded["models"][name]["batch_size"])
    store.lose_missing_files(asked.models)
    return Job(
        store=store,
        samples=asked.samples,
        models={name: model for name, (model, _) in asked.models.items()},
        metrics={
            id_: metric
            for id_, (metric, _) in asked.metrics.items()
            if id_ not in asked.skipped and not metric.info.features_of
        },
        real=RealFeatures(recorded),
        protocol=asked.profile.protocol,
        reader=asked.config.reader,
        device=asked.config.device,
        dtype=asked.config.dtype,
        precision=asked.profile.precision,
        measure_batch=recorded["measure_batch"],
        progress=progress,
        first_frames=asked.first_frames,
    )


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
    digest = hashlib.sha256(f"{decides!r}{config.first_frame or ''}".encode()).hexdigest()[:6]
    names = [re.sub(r"\.(py:\w+|toml)\Z", "", Path(spec).name) if "/" in spec else spec for spec in specs]
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
        clips = [clip for clip in store.clips(name) if clip.state == "failed"]
        forget_unmade(job, {clip.sample_id for clip in clips})
        batches = {clip.batch for clip in clips}
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
