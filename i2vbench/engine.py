"""Where the work happens: in this process, generating in one thread while another measures what is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from i2vbench.first_frames.making import make_owed
from i2vbench.generate import generate_owed
from i2vbench.job import Job
from i2vbench.measure import Group, Metrics, measure, model_group, reference_groups


class LocalEngine:
    """Runs a job in this process.

    On a CPU, generation and measurement overlap. On one GPU they take turns, model by model, so that a generator
    and the metrics' networks never compete for its memory.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._metrics = Metrics(job)
        self._changed = threading.Condition()
        self._generated: dict[str, set[int]] = {}  # batches with nothing owed, by model
        self._error: BaseException | None = None

    def execute(self) -> None:
        """Do everything that the store says is owed, or as much as there is until `job.stop` is set."""
        job = self._job
        make_owed(job)  # while nothing else is in memory
        for name in job.models:
            self._generated[name] = job.store.batches(name) - set(job.store.owed_batches(name))
        references = list(reference_groups(job))
        total = sum(map(job.store.count_clips, job.models)) + sum(group.size for group in references)
        job.progress.start("measure", total, 0)
        measure(iter(references), job, self._metrics)
        if job.device == "cpu":
            self._overlap()
        else:
            self._take_turns()

    def _overlap(self) -> None:
        thread = threading.Thread(target=self._generate_all, name="generate", daemon=True)
        thread.start()
        try:
            for name in self._job.models:
                measure(self._groups(name), self._job, self._metrics)
        except BaseException:
            self._job.stop.set()
            raise
        finally:
            thread.join()
        if self._error is not None:
            raise self._error

    def _take_turns(self) -> None:
        for name in self._job.models:
            self._metrics.release()
            self._generate(name)
            measure(self._groups(name), self._job, self._metrics)

    def _generate_all(self) -> None:
        try:
            for name in self._job.models:
                self._generate(name)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the main thread
            self._error = error
            self._job.stop.set()
        finally:
            with self._changed:
                self._changed.notify_all()

    def _generate(self, name: str) -> None:
        def finished(batch: int) -> None:
            with self._changed:
                self._generated[name].add(batch)
                self._changed.notify_all()

        if not self._job.stop.is_set():
            generate_owed(name, self._job, finished)

    def _groups(self, name: str) -> Iterator[Group]:
        """The plan's groups of one model, each as soon as nothing in it is owed a video any more."""
        job = self._job
        for start in range(0, job.store.count_clips(name), job.measure_batch):
            positions = range(start, start + job.measure_batch)
            needed = {clip.batch for clip in job.store.clips(name, positions=positions)}
            with self._changed:
                self._changed.wait_for(lambda: needed <= self._generated[name] or job.stop.is_set())  # noqa: B023
            if job.stop.is_set():
                return
            yield model_group(name, positions, job)
