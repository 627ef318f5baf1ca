"""What the metrics of training loops have in common: a network that is not trained, states that no cast reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.extras import refusal
from i2vbench.metrics.networks.frames import check_videos

try:
    from torchmetrics import Metric
except ModuleNotFoundError as error:
    raise ImportError(refusal("a metric for training loops", "torchmetrics")) from error

WITHOUT_FLOAT64 = frozenset({"mps"})
"""Types of devices that have none."""


class VideoMetric(Metric):
    """A metric of videos that looks through a network.

    Args:
        network: Moved to the metric's device and put into evaluation mode.
        options: Of `torchmetrics.Metric`: `sync_on_compute`, `process_group` and others.

    Attributes:
        network: As above.
    """

    is_differentiable = False
    full_state_update = False
    plot_lower_bound = 0.0

    network: nn.Module

    def __init__(self, network: nn.Module, **options: Any) -> None:
        super().__init__(**options)
        object.__setattr__(self, "network", network.to(self.device).eval())  # nn.Module's would make it a submodule

    @property
    def sums_device(self) -> torch.device:
        """Where the states are: with the network, unless there is no float64."""
        return torch.device("cpu") if self.device.type in WITHOUT_FLOAT64 else self.device

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()) -> nn.Module:
        """Follow to another device; casts to another dtype are for the model around."""
        self._computed = None  # on the device before
        super()._apply(fn, exclude_state=tuple(self._defaults))
        self.network.to(self.device)
        place = self.sums_device
        for name in self._defaults:
            state = getattr(self, name)
            moved = [part.to(place) for part in state] if isinstance(state, list) else state.to(place)
            setattr(self, name, moved)
        return self

    def _here(self, videos: Tensor) -> Tensor:
        """The videos on the metric's device.

        Raises:
            ValueError: They are no uint8 [B, T, H, W, 3].
        """
        if not isinstance(videos, Tensor):
            raise ValueError(f"videos: expected a tensor, uint8 [B, T, H, W, 3], got {type(videos).__name__}")
        check_videos(videos)
        return videos.to(self.device)


class OfManyVideos(VideoMetric):
    """A metric that one batch has no value of."""

    def forward(self, *args: object, **kwargs: object) -> None:
        """Not for these metrics.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            f"{type(self).__name__} has no value of one batch: call update(...) on every batch, and compute() once"
        )
