"""The contract of a metric: facts about itself, `load`, `measure` and `aggregate`.

`measure` turns clips into one record each, whatever the batch; `aggregate` turns records into a cell and needs
neither network nor clips, so tables can be made again from a store.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from i2vbench.errors import UserError
from i2vbench.metrics.resampled import BySample, Counts, ratios
from i2vbench.profiles import Profile
from i2vbench.types import Cell, Clip, Measurement, MetricInfo, Sample

if TYPE_CHECKING:
    from torch import nn


class Metric(ABC):
    """What every metric offers. Per-clip metrics inherit the mean; distribution metrics override `aggregate`."""

    info: MetricInfo

    slow_to_resample = False
    """Whether one resample takes seconds, so that intervals of its cells stand on a tenth as many."""

    no_intervals = ""
    """Why its cells have no intervals, as a sentence without its end; "" if they have."""

    reads_details: frozenset[str] = frozenset()
    """Which of the details `aggregate` and `replicates` look at, so that tables keep no others in memory. A class that
    overrides one of these and does not say is handed all."""
    kept_over_runs: bool = False
    """Whether a run may take over what another one has measured of the same clips. Only if their frames, what
    `info.reads` names of their samples, `info.checkpoints`, the file or package of the class, and the machine decide
    it. A class derived from one that says so does not, until it says so itself."""

    @property
    def bounds(self) -> tuple[float, float]:
        """What its cells cannot be below and above: where intervals end."""
        return self.info.range or (-math.inf, math.inf)

    def prepare(self, profile: Profile) -> None:
        """Called once, before anything is asked of the metric: the profile may name other checkpoints.

        Raises:
            UserError: It names more or fewer than the metric reads.
        """
        names = profile.checkpoints.get(self.info.id)
        if names is not None:
            if len(names) != len(self.info.checkpoints):
                raise UserError(
                    f"profile {profile.name}: checkpoints of {self.info.id}: expected {len(self.info.checkpoints)}, as "
                    f"{', '.join(self.info.checkpoints) or 'none'}, got {', '.join(names) or 'none'}"
                )
            self.info = replace(self.info, checkpoints=tuple(names))

    def doubts(self, sample: Sample) -> list[str]:
        """Why no video of a sample can do well, as it is annotated: what samples "have", a sentence for each kind.

        Told when a data set is loaded, and under the tables. Samples are counted by what stands before the first ": ".
        """
        return []

    def load(self, device: str, dtype: str) -> None:  # noqa: B027 - metrics without a network have nothing to load
        """Bring the networks into memory; called once, before `measure`.

        Args:
            device: As torch names it.
            dtype: The profile's precision, as torch names it.
        """

    def unload(self) -> None:  # noqa: B027 - a metric that holds nothing has nothing to let go
        """Let go of what `load` brought into memory, so that a generator can have it; `load` may come again."""

    @abstractmethod
    def measure(self, clips: Sequence[Clip]) -> Sequence[Measurement]:
        """One measurement per clip, in the same order; a clip's measurement depends on that clip alone."""

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        """The cell that these measurements make.

        Args:
            generated: Of the clips of one model in one category (or all); none of them an error.
            reference: Of the real clips of the same samples, for metrics whose `info.reads` has "reference" and
                that measure features; else None.

        Returns:
            The mean over clips, with the standard deviation over clips (ddof 1) as the spread.
        """
        return mean_cell([m.value for m in generated if m.value is not None])

    def replicates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterable[float]:
        """The value of the cell of each resample, for its interval: `aggregate` of clips drawn again.

        It need not be overridden, only be made faster: without it, `aggregate` is called on each resample.

        Args:
            generated: The measurements of each sample, of all its seeds; [n] samples.
            reference: Of each sample's real clip, in the same order; None where `aggregate` gets None.
            counts: How often each sample is drawn, with its real clip: [R, n].

        Returns:
            R numbers, at once or one after the other; NaN where a resample has none.
        """
        if type(self).aggregate is Metric.aggregate:
            values = [[m.value for m in some if m.value is not None] for some in generated]
            return ratios(map(math.fsum, values), map(len, values), counts)
        return self._aggregates(generated, reference, counts)

    def _aggregates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterator[float]:
        for times in counts:
            drawn = [i for i, count in enumerate(times) for _ in range(count)]
            real = None if reference is None else [m for i in drawn for m in reference[i]]
            value = self.aggregate([m for i in drawn for m in generated[i]], real).value
            yield math.nan if value is None else float(value)


def mean_cell(values: Sequence[float]) -> Cell:
    """The mean of clips' numbers, whatever their order, with their standard deviation (ddof 1) as the spread."""
    if not values:
        return Cell(None, 0, note="no clip was measured")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Cell(mean, 1)
    variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return Cell(mean, len(values), spread=math.sqrt(variance))


_IN_MEMORY: WeakValueDictionary[tuple[str, tuple[str, ...], str], nn.Module] = WeakValueDictionary()
"""Networks by module, checkpoints and device, as long as a metric holds them."""


def read_network(module: str, *checkpoints: str) -> nn.Module:
    """A network in evaluation mode on the CPU, of the sizes that the catalogue states for the first checkpoint.

    Args:
        module: Below metrics/networks/.
        checkpoints: Their names in the catalogue, in the order in which the module's `load` takes what they hold.
    """
    from i2vbench import weights

    contents = [
        weights.read_lines(name) if weights.entry(name).kind == "text" else weights.read(name) for name in checkpoints
    ]
    code, sizes = import_module(f"i2vbench.metrics.networks.{module}"), weights.entry(checkpoints[0]).sizes
    network: nn.Module = code.load(*contents, code.Sizes(**sizes)) if sizes else code.load(*contents)
    return network


class NetworkMetric(Metric):
    """A metric that looks through a network.

    Attributes:
        network: The module below metrics/networks/ that makes it of the first checkpoints that the metric names.
            Metrics of one network and checkpoints share it in memory; one that overrides `read_network` has its own.
        network_files: How many checkpoints that takes.
        other_networks: Modules that a profile's checkpoint may be read by instead, where the catalogue says so.
    """

    network: str = ""
    network_files: int = 1
    other_networks: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._network: Any = None
        self._device = "cpu"

    def prepare(self, profile: Profile) -> None:
        """Also lets the network follow the checkpoint.

        Raises:
            UserError: Too many or few checkpoints, or one that none of the metric's networks reads.
        """
        super().prepare(profile)
        if self.info.id not in profile.checkpoints:
            return
        from i2vbench import weights

        for name in self.info.checkpoints:
            network = weights.entry(name).network
            if network and network not in {self.network, *self.other_networks}:
                raise UserError(
                    f"profile {profile.name}: checkpoints of {self.info.id}: {name} is read by the network {network}; "
                    f"expected one of {', '.join(sorted({self.network, *self.other_networks}))}"
                )
            self.network = network or self.network

    @property
    def network_code(self) -> ModuleType:
        """The module that makes the network, and says how it is shown frames."""
        return import_module(f"i2vbench.metrics.networks.{self.network}")

    @property
    def network_in_memory(self) -> nn.Module:
        """What it looks through, between `load` and `unload`."""
        network: nn.Module = self._network
        return network

    def read_network(self, *checkpoints: str) -> nn.Module:
        """The network of these names in the catalogue, in evaluation mode on the CPU."""
        return read_network(self.network, *checkpoints)

    def load(self, device: str, dtype: str) -> None:
        checkpoints, self._device = self.info.checkpoints[: self.network_files], device
        if type(self).read_network is not NetworkMetric.read_network:
            self._network = self.read_network(*checkpoints).to(device)
            return
        key = self.network, checkpoints, device
        network = _IN_MEMORY.get(key)
        if network is None:
            network = _IN_MEMORY[key] = self.read_network(*checkpoints).to(device)
        self._network = network

    def unload(self) -> None:
        self._network = None


class DerivedMetric(Metric):
    """A metric that aggregates the features of another one, `info.features_of`, and measures nothing itself."""

    def measure(self, clips: Sequence[Clip]) -> Sequence[Measurement]:
        raise NotImplementedError(f"{self.info.id} aggregates the features of {self.info.features_of}")
