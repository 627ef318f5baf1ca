"""The main job: plan, generate, measure, aggregate.

A run is a function of its settings: what stands in `run.json` decides every number, and a folder made under other
settings is refused. Models and metrics may be added to a finished run; what is there is kept.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from i2vbench.clips import read_to_protocol
from i2vbench.create import absolute, assemble, choose_profile, configure_models, create_metrics, create_models
from i2vbench.datasets.base import Dataset
from i2vbench.doubts import doubts
from i2vbench.endings import stop_on_signal, writable
from i2vbench.engine import choose
from i2vbench.engine.base import Engine
from i2vbench.engine.directing import execute
from i2vbench.engine.kit import Kit
from i2vbench.errors import UserError
from i2vbench.first_frames.base import FirstFrames
from i2vbench.fitting import check_protocol
from i2vbench.job import Job, Tools
from i2vbench.log import log_to
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model, Preparation
from i2vbench.pictures import forget_unmade
from i2vbench.plan import make_plan, resolve_categories, samples_of, select
from i2vbench.profiles import Profile
from i2vbench.progress import Progress
from i2vbench.registry import DATASETS, FIRST_FRAMES
from i2vbench.run_file import read_settings
from i2vbench.settings import RunConfig, Settings, merge_settings
from i2vbench.storage.keeping import kept
from i2vbench.storage.limits import check_models, check_workers
from i2vbench.storage.place import place_of
from i2vbench.store import REFERENCE, Store, folder_name
from i2vbench.timings import timed
from i2vbench.types import ClipSource, PlannedClip, Sample
from i2vbench.video import VideoError
from i2vbench.weights.needs import lacking


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: Where it is on this machine.
        failed: Clips without a video, and measurements without a number, because something failed.
        stopped: The name of the signal that stopped it before the end; None if it ended by itself.
        storage: The address where it is kept; None of one that is kept in its folder.
    """

    folder: Path
    failed: int
    stopped: str | None
    storage: str | None = None

    @property
    def name(self) -> str:
        """As the user names it."""
        return self.storage or str(self.folder)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What a run's configuration comes to.

    Attributes:
        config: With names from the root, the categories that are meant, and the device.
        folder: The run's.
        chosen: The samples with the data set's own first frames.
        plan: The same under every seed, with the first frames that models are shown.
        sample_ids: Of the whole data set.
        engine: Who does the work.
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
    sample_ids: frozenset[str]
    engine: Engine

    @property
    def samples(self) -> dict[str, Sample]:
        return {planned.sample.id: planned.sample for planned in self.plan}


def run(config: RunConfig, progress: Progress) -> Outcome:
    """Do all that `config` asks for and that is not done yet.

    Raises:
        UserError: For anything the user must mend; nothing is half-written then.
    """
    with closing(choose(config)) as engine:
        return _run(_resolve(absolute(config), engine), progress)


def _run(asked: _Asked, progress: Progress) -> Outcome:
    for line in _notes(asked):
        progress.say(f"note: {line}")
    storage, resume = asked.config.storage, asked.config.resume
    if storage is None:
        if resume and not (asked.folder / "run.json").exists():
            raise UserError(f"there is no run at {asked.folder} to resume")
        with writable(str(asked.folder)):
            return _work(asked, progress, lambda stop: nullcontext())
    with writable(storage), kept(storage, resume, progress.say) as keeper:
        outcome = _work(asked, progress, keeper.going_on)
        if not outcome.stopped:
            keeper.bring_features()
        return outcome


def _work(
    asked: _Asked, progress: Progress, around: Callable[[threading.Event], AbstractContextManager[None]]
) -> Outcome:
    """Do what is owed; `around` is handed what stops the work, and lasts as long."""
    folder, config = asked.folder, asked.config
    with Store.create(folder, _settings(asked).as_dict(), merge_settings) as store, log_to(folder):
        job = _record(asked, store, progress)
        if config.retry_failed:
            forget_failures(job)
        name = config.storage or str(folder)
        with around(job.stop), stop_on_signal(job.stop, name, progress) as received:
            execute(job, lambda: asked.engine.crew(job, lambda: _kit(asked, job)))
        job.tell_taken_over()
        return Outcome(folder, store.count_failed(), received[0] if received else None, config.storage)


@timed("plan")
def _resolve(config: RunConfig, engine: Engine) -> _Asked:
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
    if config.storage is not None:
        check_models(config.storage, {name: model for name, (model, _) in models.items()})
    # The device comes last: asking for it imports torch, and a faulty data set is told at once without.
    config = replace(config, categories=categories, device=engine.device(config.device))
    skipped = lacking({id_: metric.info for id_, (metric, _) in metrics.items()}, config.skip_missing)
    return _Asked(config, folder, dataset, profile, models, metrics, skipped, first_frames, chosen, plan, ids, engine)


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


@timed("plan")
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
        engine=asked.engine.name,
        versions=asked.engine.versions(asked.config.device),
    )


@timed("plan")
def _record(asked: _Asked, store: Store, progress: Progress) -> Job:
    """Write the plan, and hand back what is to be done of it."""
    recorded = read_settings(asked.folder)
    for name in asked.models:
        store.plan(name, asked.plan, recorded["models"][name]["batch_size"])
    place = place_of(asked.folder.resolve())
    store.lose_missing_files(asked.models, place)
    tools = assemble(
        asked.config, asked.profile, asked.models, asked.metrics, asked.skipped, recorded, place, asked.first_frames
    )
    return Job(store, asked.samples, tools, asked.config.device, recorded["measure_batch"], progress)


def _kit(asked: _Asked, job: Job) -> Kit:
    """What workers in other processes are sent."""
    torch = sys.modules.get("torch")
    if asked.config.storage is not None:
        check_workers(asked.config.storage, asked.engine.name, asked.folder, asked.plan)
    return Kit(
        config=asked.config,
        profile=asked.profile,
        plan=asked.plan,
        sample_ids=asked.sample_ids,
        skipped=frozenset(asked.skipped),
        recorded=read_settings(asked.folder),
        place=job.tools.place,
        threads=torch.get_num_threads() if torch else None,
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


def forget_failures(job: Job) -> None:
    """Owe again what failed of the job's models and metrics, and stored videos that cannot be read any more."""
    store = job.store
    for name in job.tools.models:
        clips = store.clips(name, state="failed")
        forget_unmade(job, {clip.sample_id for clip in clips})
        batches = {clip.batch for clip in clips}
        for clip in store.clips_failed_by(name, job.tools.metrics):
            if not _readable(clip.video, job.tools):
                batches.add(clip.batch)
        store.owe_again(name, sorted(batches))
    store.forget_failed([REFERENCE, *job.tools.models], job.tools.metrics)


def _readable(video: str, tools: Tools) -> bool:
    with tools.place.read(video) as path:
        try:
            read_to_protocol(ClipSource(path), tools.protocol, tools.reader)
        except VideoError:
            return False
    return True
