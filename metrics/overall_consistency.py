"""Overall video-text consistency: the cosine of a video and its prompt by ViCLIP-L/14 (Appendix C; Table 13).

Matches VBench 0.1.5, `overall_consistency` (commit 45e79ec): eight frames, the shorter side resized to 224 bicubically
without antialiasing, rounded to 8 bit, the centre cropped; the prompt as it is, cut to 32 tokens; no logit scale, and
nothing is cut off at 0. The cosine is float64, where VBench has float32. VBench keeps the features of texts for the
life of its process whatever the network; here they last for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from i2vbench.metrics.cosines import unit
from i2vbench.metrics.moments import Features
from i2vbench.metrics.sampling import middle_frame_indices
from i2vbench.metrics.variants import ResizingMetric
from i2vbench.types import Clip, Measurement, MetricInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

CLIPS_AT_ONCE = 4
"""8,196 tokens, enough for a GPU; a clip takes about 60 MB on its way."""


class OverallConsistency(ResizingMetric):
    """`overall_consistency`, or `overall_consistency:antialias`."""

    info = MetricInfo(
        id="overall_consistency",
        title="Overall Consistency",
        direction="higher",
        unit="%",
        scale=100,
        range=(-1.0, 1.0),
        reads=frozenset({"video", "prompt"}),
        checkpoints=("viclip_l14",),
        source="Appendix C, Table 13; VBench 0.1.5 overall_consistency",
        hides="A still clip of what the prompt names scores well; the paper's models lie between 16 and 21.",
    )
    kept_over_runs = True
    network = "viclip"

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        from i2vbench.metrics.networks import viclip
        from i2vbench.transfer import put

        prompts = list(dict.fromkeys(clip.sample.prompt for clip in clips))
        network = self._network
        tokens, cut = viclip.tokenize(prompts, vocabulary=network.vocab_size, context_length=network.context_length)
        seen = network.text_encoder(put(tokens, self._device))
        videos = video_features(network, clips, self._device, antialias=self.antialias)
        texts = seen.cpu().numpy()  # [prompts, 768]
        measured = []
        for clip, video in zip(clips, videos, strict=True):
            place = prompts.index(clip.sample.prompt)
            measured.append(measurement(clip, self.info.id, video, texts[place], cut[place]))
        return measured


def video_features(network: nn.Module, clips: Sequence[Clip], device: str, *, antialias: bool = False) -> Features:
    """Features of clips of any sizes and lengths, each by itself: float32 [N, 768], not normalised."""
    import torch

    parts = [clips[start : start + CLIPS_AT_ONCE] for start in range(0, len(clips), CLIPS_AT_ONCE)]
    seen = [network.vision_encoder(_eight_frames(part, device, antialias)) for part in parts]  # type: ignore[operator]
    features: Features = torch.cat(seen).cpu().numpy()
    return features


def _eight_frames(clips: Sequence[Clip], device: str, antialias: bool) -> Tensor:
    """What the network is shown of clips: float32 [N, 8, 3, 224, 224]."""
    import torch

    from i2vbench.metrics.networks.clip import preprocess_vbench
    from i2vbench.transfer import take

    videos = [take([(clip.video.frames, i) for i in frame_indices(clip)], device) for clip in clips]
    return torch.stack([preprocess_vbench(video, rounded=True, antialias=antialias) for video in videos])


def frame_indices(clip: Clip) -> list[int]:
    """The eight frames that are looked at."""
    from i2vbench.metrics.networks.viclip import NUM_FRAMES

    return middle_frame_indices(clip.video.num_frames, NUM_FRAMES)


def measurement(clip: Clip, metric: str, video: Features, text: Features, cut: int) -> Measurement:
    """What a metric says of a clip with these features [d], of whose prompt so many tokens were cut off."""
    # Not a series over the frames: the network makes one feature of all eight.
    details = {"frame_indices": frame_indices(clip), "prompt_tokens_cut": cut}
    try:
        value = cosine(video, text)
    except ValueError as error:
        return Measurement(clip.sample.id, metric, error=str(error), details=details)
    return Measurement(clip.sample.id, metric, value=value, details=details)


def cosine(video: Features, text: Features) -> float:
    """Of the angle between two features [d], -1 to 1.

    Raises:
        ValueError: One is not finite or all zero. VBench divides by zero.
    """
    # Of float64 unit vectors: what passes 1 is rounding.
    return float(np.clip(unit(video, "video") @ unit(text, "prompt"), -1, 1))
