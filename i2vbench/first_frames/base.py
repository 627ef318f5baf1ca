"""The contract of first frames that are not the data set's own: where each sample's picture is, and what decides it.

Every model of a run is shown the same picture of a sample, whatever the seed: it is a part of the sample, as the data
set's own would be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from i2vbench.attempt import Failure
from i2vbench.types import FrameSource, Sample


class FirstFrames(ABC):
    """Pictures that models are shown instead of the data set's own.

    A class whose constructor takes one string can be named with an argument, `NAME:ARGUMENT`.

    Attributes:
        title: What they are, as tables say it: goes on after "First frames: ".
    """

    title: str

    def show(self, samples: Sequence[Sample], sample_ids: frozenset[str], run: Path) -> list[Sample]:
        """These samples with the pictures that models are shown; the rest as `prepare`."""
        self.prepare(samples, sample_ids, run)
        return [replace(sample, first_frame=self.source(sample)) for sample in samples]

    @abstractmethod
    def prepare(self, samples: Sequence[Sample], sample_ids: frozenset[str], run: Path) -> None:
        """Called once, before any work and before anything is written.

        Args:
            samples: Those of the run.
            sample_ids: Ids of the whole data set, those that the run leaves out included.
            run: The run's folder, which need not be there.

        Raises:
            UserError: To refuse the run.
        """

    @abstractmethod
    def source(self, sample: Sample) -> FrameSource:
        """Where the picture of one of these samples is, or will be."""

    @abstractmethod
    def decides(self) -> Mapping[str, object]:
        """What decides the pictures, as JSON holds it; asked after `prepare`. A run records it and holds to it."""

    def missing(self, sample: Sample) -> Failure | None:
        """Why a sample has no picture and gets none; None if it has one, or is owed one."""
        return None

    def is_owed(self, sample: Sample) -> bool:
        """Whether the picture of a sample is still to be made."""
        return False

    def load(self, device: str, dtype: str) -> None:  # noqa: B027 - pictures that are there need nothing
        """Bring into memory what pictures are made with; called only if one is owed."""

    def unload(self) -> None:  # noqa: B027
        """Let go of it; called after `load`."""

    def make(self, sample: Sample) -> None:
        """Make and keep the picture of a sample that is owed one; or keep why it could not be made.

        Raises:
            OSError: If the disk is at fault, which is no fault of the picture.
        """
        raise NotImplementedError

    def forget(self, sample: Sample) -> None:  # noqa: B027
        """Owe again the picture of a sample that could not be made, or cannot be read any more."""
