"""What a job owes, as tasks: which may be begun, for whom, and what becomes of their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import cast

from i2vbench.engine.worker import Holding, Result, Task
from i2vbench.errors import UserError
from i2vbench.generate import Batch, Made
from i2vbench.job import Job
from i2vbench.kept.entries import kept_folder
from i2vbench.measure import Group, Measured, Target
from i2vbench.pictures import STAGE, Pictures, owed_pictures
from i2vbench.rows import MeasurementRow
from i2vbench.store import REFERENCE
from i2vbench.timings import timed

MEASURE = "measure"

Takes = Callable[[Holding], bool]


class Agenda(ABC):
    """Tasks of one part of the work. What is taken from it comes back by `finish`, `give_up` or `again`."""

    @abstractmethod
    def take(self, holds: Holding | None, may_change: bool, takes: Takes) -> Task | None:
        """The next task for a worker; None if there is none for it now.

        Args:
            holds: What the worker will have in memory once it is through what it has.
            may_change: Whether it may be given what needs something else in memory.
            takes: What it may be given at all.
        """

    @abstractmethod
    def owes(self) -> bool:
        """Whether there is anything that nobody has been handed yet, or that waits for what somebody has."""

    @abstractmethod
    def finish(self, task: Task, result: Result) -> None:
        """Record what became of a task."""

    @abstractmethod
    def give_up(self, task: Task, reason: str) -> None:
        """Record that a task cannot be done."""

    @abstractmethod
    def again(self, task: Task) -> None:
        """Owe a task again."""


class PictureAgenda(Agenda):
    """First frames to be made."""

    def __init__(self, job: Job) -> None:
        owed = owed_pictures(job)
        self._owed = deque(Pictures([sample]) for sample in owed)
        self._progress = job.progress

    def take(self, holds: Holding | None, may_change: bool, takes: Takes) -> Task | None:
        return self._owed.popleft() if self._owed and takes(("first frames", "")) else None

    def owes(self) -> bool:
        return bool(self._owed)

    def finish(self, task: Task, result: Result) -> None:
        assert isinstance(task, Pictures)
        self._progress.advance(STAGE, len(task.samples), doing=task.samples[-1].id)

    def give_up(self, task: Task, reason: str) -> None:
        raise UserError(f"the first frames cannot be made: {reason}")

    def again(self, task: Task) -> None:
        assert isinstance(task, Pictures)
        self._owed.appendleft(task)


class ClipAgenda(Agenda):
    """Videos to be generated, and clips to be measured as soon as nothing in their group is owed a video."""

    @timed("plan")
    def __init__(self, job: Job) -> None:
        self._job, store = job, job.store
        self._unseen = store.without_first_frame()
        self._owed: dict[str, deque[int]] = {}  # batches, by model
        self._again: deque[Group] = deque()  # groups whose worker was lost
        self._ready: deque[tuple[str, int]] = deque()  # a model (or REFERENCE) and where its group begins
        self._waiting: dict[tuple[str, int], int] = {}  # how many batches a group waits for
        self._waited: defaultdict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)  # by model and batch
        self._references = self._real_targets()
        self._ready.extend((REFERENCE, start) for start in range(0, len(self._references), job.measure_batch))
        counts = {name: store.count_clips(name) for name in job.tools.models}
        job.progress.start(MEASURE, sum(counts.values()) + len(self._references), 0)
        for name, total in counts.items():
            batches = store.owed_batches(name)
            self._owed[name] = deque(batches)
            left = sum(store.count_clips(name, batch) for batch in batches)
            job.progress.start(_stage(name), total, total - left)
            self._wait(name, set(batches))

    def _wait(self, model: str, owed: set[int]) -> None:
        """Find out for which batches each group of the plan waits."""
        size = self._job.measure_batch
        needed: defaultdict[int, set[int]] = defaultdict(set)
        for position, batch in self._job.store.batch_of_clips(model):
            needed[position // size * size].add(batch)
        for start, batches in needed.items():
            for batch in batches & owed:
                self._waited[model, batch].append((model, start))
            if missing := len(batches & owed):
                self._waiting[model, start] = missing
            else:
                self._ready.append((model, start))

    def take(self, holds: Holding | None, may_change: bool, takes: Takes) -> Task | None:
        if holds is not None and (task := self._take(holds)):
            return task
        if not may_change:
            return None
        others: list[Holding] = [("metrics", ""), *(("model", name) for name in self._owed)]
        return next((task for other in others if takes(other) and (task := self._take(other))), None)

    def _take(self, holding: Holding) -> Task | None:
        kind, name = holding
        if kind == "model":
            return self._batch(name)
        return self._group() if kind == "metrics" else None

    def _batch(self, name: str) -> Batch | None:
        if not self._owed[name]:
            return None
        number = self._owed[name].popleft()
        clips = self._job.store.clips(name, batch=number)
        samples = {clip.sample_id: self._job.samples[clip.sample_id] for clip in clips}
        unseen = frozenset(samples) & self._unseen
        self._unseen -= unseen
        return Batch(name, number, clips, samples, unseen)

    def _group(self) -> Group | None:
        """The next group that a metric owes something; those that nothing is owed of are through."""
        if self._again:
            return self._again.popleft()
        while self._ready:
            model, start = self._ready.popleft()
            group = self._real_group(start) if model == REFERENCE else self._model_group(model, start)
            if group.owed:
                return group
            self._through(group)
        return None

    def _model_group(self, model: str, start: int) -> Group:
        rows = self._job.store.clips(model, positions=range(start, start + self._job.measure_batch))
        targets = [Target(self._job.samples[r.sample_id], r.seed, r.video) for r in rows if r.state == "done"]
        return Group(model, targets, len(rows), self._owed_of(model, targets))

    def _real_targets(self) -> list[Target]:
        """The real clips, for the metrics that compare with them; each clip once, whatever the seeds."""
        if not self._comparing():
            return []
        return [Target(sample, 0, "") for sample in self._job.samples.values() if sample.reference is not None]

    def _comparing(self) -> list[str]:
        return [id_ for id_, metric in self._job.tools.metrics.items() if "reference" in metric.info.reads]

    def _real_group(self, start: int) -> Group:
        targets = self._references[start : start + self._job.measure_batch]
        return Group(REFERENCE, targets, len(targets), self._owed_of(REFERENCE, targets))

    def _owed_of(self, model: str, targets: list[Target]) -> list[str]:
        keys = [(target.sample.id, target.seed) for target in targets]
        measured = self._job.store.measured(model, keys)
        metrics = self._comparing() if model == REFERENCE else self._job.tools.metrics
        return [id_ for id_ in metrics if any((id_, *key) not in measured for key in keys)]

    def owes(self) -> bool:
        if any(self._owed.values()) or self._waiting:
            return True
        if group := self._group():  # of those that are ready, there may be none that is owed anything
            self._again.appendleft(group)
        return bool(self._again)

    def finish(self, task: Task, result: Result) -> None:
        store = self._job.store
        if isinstance(task, Batch):
            made = cast(Made, result)
            store.finish_first_frames(made.first_frames)
            store.finish_batch(task.model, made.states)
            if made.taken_from not in ("", str(self._job.tools.place.folder)):
                done = sum(state == "done" for state, _ in made.states.values())
                self._job.taken_over[f"videos of {task.model} from {made.taken_from}"] += done
            self._generated(task)
        elif isinstance(task, Group):
            measured = cast(Measured, result)
            for rows in measured.records:
                store.record(rows)
            self._job.taken_over[f"measurements from {kept_folder()}"] += measured.known
            self._through(task)

    def give_up(self, task: Task, reason: str) -> None:
        if isinstance(task, Batch):
            states = {(clip.sample_id, clip.seed): ("failed", reason) for clip in task.clips}
            self.finish(task, Made(states, {}))  # type: ignore[arg-type]  # "failed" is a state
        elif isinstance(task, Group):
            self.finish(task, Measured([list(_failed(task, id_, reason)) for id_ in task.owed]))

    def again(self, task: Task) -> None:
        if isinstance(task, Batch):
            self._owed[task.model].appendleft(task.number)
            self._unseen |= task.unseen
        elif isinstance(task, Group):
            self._again.appendleft(task)

    def _generated(self, batch: Batch) -> None:
        self._job.progress.advance(_stage(batch.model), len(batch.clips), doing=batch.clips[-1].sample_id)
        for group in self._waited.pop((batch.model, batch.number), ()):
            self._waiting[group] -= 1
            if not self._waiting[group]:
                del self._waiting[group]
                self._ready.append(group)

    def _through(self, group: Group) -> None:
        doing = group.targets[-1].sample.id if group.targets else ""
        self._job.progress.advance(MEASURE, group.size, doing=doing)


def _stage(model: str) -> str:
    return f"generate {model}"


def _failed(group: Group, metric: str, reason: str) -> Iterator[MeasurementRow]:
    for target in group.targets:
        yield MeasurementRow(metric, group.model, target.sample.id, target.seed, "failed", None, None, {}, reason)
