"""A run's work: what it is done with, on whichever machine, and what the one that directs it holds."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from i2vbench.first_frames.base import FirstFrames
from i2vbench.kept.keys import Keys
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.place import Place
from i2vbench.profiles import Protocol
from i2vbench.progress import Progress
from i2vbench.store import Store
from i2vbench.types import Sample

_log = logging.getLogger("i2vbench")


@dataclass(frozen=True, slots=True, eq=False)
class Tools:
    """What work is done with. Every worker has its own, made of the same names.

    Attributes:
        place: Where videos, pictures and features are kept.
        models: By the name of their column, prepared and not loaded.
        metrics: Those that measure clips, by id, not loaded.
        keys: Of what is kept over runs; None where nothing is looked up or kept.
        protocol: What clips are brought to.
        reader: The video reader.
        dtype: Of the models' networks, as torch names it.
        precision: Of the metrics' networks, as torch names it.
        first_frames: What makes first frames that are not the data set's own; None where they are.
    """

    place: Place
    models: Mapping[str, Model]
    metrics: Mapping[str, Metric]
    keys: Keys | None
    protocol: Protocol
    reader: str
    dtype: str
    precision: str
    first_frames: FirstFrames | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One run's work, planned and ready.

    Attributes:
        store: The run on disk, locked by this process, its plan written.
        samples: The plan's samples by id, with the first frames that models are shown.
        tools: What this process would work with.
        device: As torch names it.
        measure_batch: How many neighbouring clips of the plan are measured together.
        progress: Where to say how far it is.
        stop: Set when the user wants to stop; work ends at the next batch.
        taken_over: How much other runs have made, in words that say what and where.
    """

    store: Store
    samples: Mapping[str, Sample]
    tools: Tools
    device: str
    measure_batch: int
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)
    taken_over: Counter[str] = field(default_factory=Counter)

    def tell_taken_over(self) -> None:
        """Say what this run did not make itself, if anything."""
        taken = [f"{count} {what}" for what, count in self.taken_over.items() if count]
        if taken:
            line = f"taken over from other runs, and not made again (--no-cache does): {', '.join(taken)}"
            self.progress.say(f"note: {line}")
            _log.info(line)
