"""The contract of a recipe: how a small network of the tiny profile is trained, and how it is seen that it learned."""

from __future__ import annotations

import csv
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from i2vbench.progress import Progress


class Recipe(ABC):
    """One network, trained from nothing on the synthetic world.

    Attributes:
        name: As `i2vbench train-tiny` calls it.
        checkpoint: The catalogue's name of what it makes; the entry there has the network's sizes.
        title: One line: which network, and how much smaller.
        data: What it learns from, a sentence.
        method: How it learns, a sentence or two, with what differs from the published training.
        scores: What `score` says, by its keys: a sentence each, with what chance or the simplest rival reaches.
        seed: Of weights, data and order.
        steps: Of the optimizer.
        cpu_minutes: What `train` took when the bundled file was made, on one core.
        extras: Other files it makes, by the catalogue's names (a list of tags, a mean).
    """

    name: str
    checkpoint: str
    title: str
    data: str
    method: str
    scores: Mapping[str, str]
    seed: int = 0
    steps: int
    cpu_minutes: float
    extras: tuple[str, ...] = ()

    @abstractmethod
    def train(self, log: Curve) -> dict[str, Tensor]:
        """The trained tensors under the published names, float32 on the CPU; they are stored as float16.

        With one thread of torch on one machine the same tensors each time. `self.steps` may be lowered for a look.
        """

    @abstractmethod
    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        """What the network does on held-out seeds (`synthetic.held_out`), through the module that the metric uses.

        Args:
            state: As read from the stored file, float16.
        """

    def score_extra(self, name: str, state: Mapping[str, Tensor]) -> dict[str, float]:
        """As `score`, of one of `extras` that is a network by itself and gets a card; of others nothing is said."""
        return {}

    def extra(self, name: str) -> dict[str, Tensor] | list[str]:
        """What goes into one of `extras`: tensors, or the lines of a text; asked after `train`."""
        raise NotImplementedError(name)


class Curve:
    """A training's curve, a CSV file with a row each time it is told something.

    Args:
        path: The file; one that is there is begun anew.
        progress: Told how far it is.
        name: Of the recipe.
        steps: Of the whole training.
    """

    def __init__(self, path: Path, progress: Progress, name: str, steps: int) -> None:
        self._path, self._progress, self._name, self._steps = path, progress, name, steps
        self._cpu, self._done = time.process_time(), 0
        self._columns: list[str] = []

    def __enter__(self) -> Self:
        self._file = open(self._path, "w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._progress.start(self._name, self._steps, 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def cpu_minutes(self) -> float:
        """Of all threads since it was made."""
        return (time.process_time() - self._cpu) / 60

    def row(self, step: int, **values: float) -> None:
        """What was seen after so many steps (some fifty rows make a good curve); always the same values."""
        if not self._columns:
            self._columns = list(values)
            self._rows.writerow(["step", *values])
        self._rows.writerow([step, *(f"{values[name]:.5g}" for name in self._columns)])
        self._file.flush()
        said = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._progress.advance(self._name, step - self._done, said)
        self._done = step
