"""What the two halves of the work, generating and measuring, are handed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from i2vbench.first_frames.base import FirstFrames
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.profiles import Protocol
from i2vbench.progress import Progress
from i2vbench.real_features import RealFeatures
from i2vbench.store import Store
from i2vbench.types import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One run's work, planned and ready.

    Attributes:
        store: The run on disk, locked by this process, its plan written.
        samples: The plan's samples by id, with the first frames that models are shown.
        models: By the name of their column.
        metrics: Those that measure clips, by id.
        real: What is known of real clips from other runs.
        protocol: What clips are brought to.
        reader: The video reader.
        device: As torch names it.
        dtype: Of the models' networks, as torch names it.
        precision: Of the metrics' networks, as torch names it.
        measure_batch: How many neighbouring clips of the plan are measured together.
        progress: Where to say how far it is.
        first_frames: What makes first frames that are not the data set's own; None where they are.
        stop: Set when the user wants to stop; work ends at the next batch.
    """

    store: Store
    samples: Mapping[str, Sample]
    models: Mapping[str, Model]
    metrics: Mapping[str, Metric]
    real: RealFeatures
    protocol: Protocol
    reader: str
    device: str
    dtype: str
    precision: str
    measure_batch: int
    progress: Progress
    first_frames: FirstFrames | None = None
    stop: threading.Event = field(default_factory=threading.Event)
