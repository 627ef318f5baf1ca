"""FVD and FID for training loops: sums in a state of fixed size, which processes merge without loss."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.metrics import fid, fvd
from i2vbench.metrics.base import read_network
from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.moments import Features, Moments, check_features
from i2vbench.metrics.training_loops.base import OfManyVideos


class FrechetDistance(OfManyVideos):
    """Fréchet distance between the features of real and of generated videos.

    Each side's state is one float64 tensor that holds `Moments`: count, mean and co-moments of whole blocks of rows,
    and the rows of the block begun. They are merged pairwise, so nothing is lost by adding up large sums, as it is
    where sums of products are states: given the same features the number is the benchmark's, in one process to the last
    bit. Memory is 16 d^2 bytes a side (d = 400: 2.6 MB; 2048: 67 MB) whatever the number of videos, and that times
    the number of processes while `compute` gathers.

    Args:
        network: As `VideoMetric`.
        ddof: Covariances are divided by the number of rows less this.
        reset_real_features: Whether `reset` forgets the real videos too.
        options: As `VideoMetric`.
    """

    higher_is_better = False
    dimensions: int
    """Of the features."""

    real: Tensor
    generated: Tensor

    def __init__(self, network: nn.Module, *, ddof: int, reset_real_features: bool, **options: Any) -> None:
        super().__init__(network, **options)
        self.ddof, self.reset_real_features = ddof, reset_real_features
        empty = torch.from_numpy(Moments(self.dimensions).to_array()).to(self.sums_device)
        for name in ("real", "generated"):
            self.add_state(name, empty.clone(), dist_reduce_fx=merged)

    def update(self, videos: Tensor, real: bool) -> None:
        """Take in a batch.

        Args:
            videos: uint8 [B, T, H, W, 3] RGB, on any device; all of one call on one side.
            real: Whether they are real or generated.

        Raises:
            ValueError: Another dtype or shape, too few frames, or features that are not finite; nothing was taken in.
        """
        features = check_features(self._features(self._here(videos)).cpu().numpy(), self.dimensions)
        if real:
            self.real = with_rows(self.real, features)
        else:
            self.generated = with_rows(self.generated, features)

    def compute(self) -> Tensor:
        """The distance, float64.

        Raises:
            ValueError: A side has fewer than two features.
        """
        real, generated = (Moments.from_array(state.cpu().numpy()) for state in (self.real, self.generated))
        if min(real.count, generated.count) < 2:
            raise ValueError(
                f"{type(self).__name__}: expected at least two features on each side, got {real.count} real and "
                f"{generated.count} generated"
            )
        distance = frechet_distance(real, generated, ddof=self.ddof)
        return torch.tensor(distance, dtype=torch.float64, device=self.sums_device)

    def reset(self) -> None:
        """Forget the generated videos, and the real ones unless they are to be kept."""
        real = self.real
        super().reset()
        if not self.reset_real_features:
            self.real = real

    @abstractmethod
    def _features(self, videos: Tensor) -> Tensor:
        """uint8 [B, T, H, W, 3] -> [n, dimensions]."""


class FrechetVideoDistance(FrechetDistance):
    """FVD of the benchmark, `fvd` or `fvd:stylegan-v`.

    Example:
        >>> metric = FrechetVideoDistance().to("cuda")  # doctest: +SKIP
        >>> metric.update(real_videos, real=True)  # doctest: +SKIP
        >>> metric.update(generated_videos, real=False)  # doctest: +SKIP
        >>> metric.compute()  # doctest: +SKIP
        tensor(312.4512, dtype=torch.float64)

    Args:
        network: As `fvd.load_network` gives it; by default the catalogue's checkpoint, read here.
        variant: As `fvd.FVD` takes it: "stylegan-v" has another network and other covariances.
        reset_real_features: Whether `reset` forgets the real videos too, which may be the same in every epoch.
        options: As `VideoMetric`.

    Raises:
        UserError: The checkpoint is not here, with the command that gets it; or no such variant.
    """

    dimensions = fvd.DIMENSIONS

    def __init__(
        self,
        network: nn.Module | None = None,
        *,
        variant: str = "",
        reset_real_features: bool = True,
        **options: Any,
    ) -> None:
        metric = fvd.FVD(variant)
        if network is None:
            (checkpoint,) = metric.info.checkpoints
            network = fvd.load_network(checkpoint, variant)
        super().__init__(network, ddof=metric.ddof, reset_real_features=reset_real_features, **options)
        self.variant = variant

    def _features(self, videos: Tensor) -> Tensor:
        return fvd.video_features(self.network, videos, self.variant)


class FrechetFrameDistance(FrechetDistance):
    """FID of the benchmark, `fid`: every frame of every video counts.

    Args:
        network: As `networks.inception.load` gives it; by default the catalogue's checkpoint, read here.
        reset_real_features: As `FrechetVideoDistance`.
        options: As `VideoMetric`.

    Raises:
        UserError: The checkpoint is not here, with the command that gets it.
    """

    dimensions = fid.DIMENSIONS

    def __init__(self, network: nn.Module | None = None, *, reset_real_features: bool = True, **options: Any) -> None:
        if network is None:
            (checkpoint,) = fid.FID.info.checkpoints
            network = read_network("inception", checkpoint)
        super().__init__(network, ddof=fid.DDOF, reset_real_features=reset_real_features, **options)

    def _features(self, videos: Tensor) -> Tensor:
        return fid.frame_features(self.network, videos).flatten(0, 1)  # [B T, 2048]


def with_rows(state: Tensor, rows: Features) -> Tensor:
    """The state of a side with more rows [n, d] in it; the one given stays as it is.

    Only a full block makes work, which is done in NumPy, as the benchmark does it.
    """
    block = state.shape[0] - state.shape[1] - 2
    begun = int(state[0, 0]) % block
    if begun + len(rows) < block:
        taken = state.clone()
        taken[0] += len(rows)
        taken[len(state) - block + begun :][: len(rows)] = torch.from_numpy(rows).to(state)
        return taken
    moments = Moments.from_array(state.cpu().numpy())
    moments.update(rows)
    return torch.from_numpy(moments.to_array()).to(state.device)


def merged(states: Tensor) -> Tensor:
    """The state of all processes, of theirs stacked: in their order, so that all of them get the same number."""
    whole, *others = (Moments.from_array(state.cpu().numpy()) for state in states)
    for other in others:
        whole = whole.merge(other)
    return torch.from_numpy(whole.to_array()).to(states.device)
