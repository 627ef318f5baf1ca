"""The video inception score and CLIPSIM for training loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.metrics import clipsim, inception_score
from i2vbench.metrics.base import read_network
from i2vbench.metrics.moments import check_features
from i2vbench.metrics.training_loops.base import OfManyVideos, VideoMetric


class VideoInceptionScore(OfManyVideos):
    """The video inception score of the benchmark, `inception_score`.

    The rows of class probabilities are kept, 404 bytes a video. Their order decides which split a video falls into:
    processes are gathered one after the other, so with more than one split two processes that took turns do not give
    the number of one that saw all, but one that differs as another shuffle would make it.

    Args:
        network: As `networks.c3d.load` gives it; by default the catalogue's checkpoint, read here.
        mean: As `networks.c3d.load_mean` gives it; by default the catalogue's.
        splits: Part of the definition: ten in the benchmark.
        options: As `VideoMetric`.

    Raises:
        UserError: A checkpoint is not here, with the command that gets it.
    """

    higher_is_better = True
    plot_lower_bound = 1.0

    probabilities: list[Tensor] | Tensor

    def __init__(
        self,
        network: nn.Module | None = None,
        mean: Tensor | None = None,
        *,
        splits: int = inception_score.SPLITS,
        **options: Any,
    ) -> None:
        network_name, mean_name = inception_score.InceptionScore.info.checkpoints
        if network is None:
            network = read_network("c3d", network_name)
        super().__init__(network, **options)
        self.mean = inception_score.load_mean(mean_name) if mean is None else mean
        self.splits = splits
        self.add_state("probabilities", [], dist_reduce_fx="cat")

    def update(self, videos: Tensor) -> None:
        """Take in a batch of generated videos, uint8 [B, 16, H, W, 3] RGB, on any device.

        Raises:
            ValueError: Another dtype or shape, other than 16 frames, or features that are not finite; nothing was
                taken in.
        """
        seen = inception_score.class_probabilities(self.network, self.mean, self._here(videos))
        check_features(seen.cpu().numpy(), inception_score.CLASSES)
        assert isinstance(self.probabilities, list)
        self.probabilities.append(seen.to(self.sums_device))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean and population deviation over the splits, both float64.

        Raises:
            ValueError: There are fewer videos than splits.
        """
        scores = inception_score.inception_score(self._rows().cpu().numpy(), self.splits)
        mean, deviation = torch.tensor(scores, dtype=torch.float64, device=self.sums_device)
        return mean, deviation

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """As torchmetrics', whose empty list becomes a tensor [0]: gathered with [n, 101], it ends in an abort."""
        if isinstance(self.probabilities, list):
            self.probabilities = [self._rows()]
        super().sync(*args, **kwargs)

    def _rows(self) -> Tensor:
        """[n, 101]: one tensor once processes were gathered, a list of batches before."""
        if isinstance(self.probabilities, Tensor):
            return self.probabilities
        return torch.cat(self.probabilities or [torch.empty(0, inception_score.CLASSES, device=self.sums_device)])


class CLIPSimilarity(VideoMetric):
    """CLIPSIM of the benchmark, `clipsim`: the mean over the videos of the mean over their frames.

    Args:
        network: As `networks.clip.load` gives it; by default the catalogue's checkpoint, read here.
        options: As `VideoMetric`.

    Raises:
        UserError: The checkpoint is not here, with the command that gets it.
    """

    higher_is_better = True
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0

    total: Tensor
    count: Tensor

    def __init__(self, network: nn.Module | None = None, **options: Any) -> None:
        if network is None:
            (checkpoint,) = clipsim.CLIPSIM.info.checkpoints
            network = read_network("clip", checkpoint)
        super().__init__(network, **options)
        for name, dtype in (("total", torch.float64), ("count", torch.int64)):
            self.add_state(name, torch.zeros((), dtype=dtype, device=self.sums_device), dist_reduce_fx="sum")

    def update(self, videos: Tensor, prompts: Sequence[str]) -> None:
        """Take in a batch.

        Args:
            videos: uint8 [B, T, H, W, 3] RGB, on any device.
            prompts: One for each.

        Raises:
            ValueError: Another dtype or shape, prompts that are not as many, or an empty one; nothing was taken in.
        """
        videos = self._here(videos)
        if isinstance(prompts, str) or len(prompts) != len(videos):
            found = "one text" if isinstance(prompts, str) else f"{len(prompts)}"
            raise ValueError(f"prompts: expected a list of {len(videos)}, one for each video, got {found}")
        if not all(prompts):
            raise ValueError(f"prompts: number {list(map(bool, prompts)).index(False)} of {len(prompts)} is empty")
        values = clipsim.clipsim_per_video(clipsim.prompt_cosines(self.network, videos, prompts))
        self.total = self.total + float(values.sum())
        self.count = self.count + len(values)

    def compute(self) -> Tensor:
        """The mean, float64.

        Raises:
            ValueError: There was no video.
        """
        if self.count == 0:
            raise ValueError("CLIPSimilarity: no video was taken in")
        return self.total / self.count
