"""Classifier-free guidance (Section 5.1), and the published code's image guidance, which the paper does not have."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Guidance:
    """Which passes a sampling step makes, and how their predictions come together.

    Passes are, in order, of three: without text and image, with the image, with both; of two: without text, with
    it; or with text alone.

    Attributes:
        text: Weight of the text; above 1 it takes a pass without.
        image: Weight of the first frame; above 1 it takes a pass without, and text guidance is on as well.
        rescale: Share of the guided noise that is brought to the deviation of the prediction with text (Lin et al.,
            2024).
    """

    text: float
    image: float = 1.0
    rescale: float = 0.0

    @property
    def passes(self) -> int:
        if self.image > 1:
            return 3
        return 2 if self.text > 1 else 1

    def repeat_text(self, negative: Tensor, positive: Tensor) -> Tensor:
        """Text of all passes, [passes b, L, D], from [b, L, D] each."""
        return torch.cat([negative] * (self.passes - 1) + [positive])

    def repeat_first_frame(self, first_frame: Tensor, no_image: Tensor) -> Tensor:
        """First frames of all passes, [passes b, c, 1, h, w].

        Args:
            first_frame: The clean latents, [b, c, 1, h, w].
            no_image: What stands for "no image": frame 0 of the initial noise, at every step the same.
        """
        frames = [first_frame] * self.passes
        if self.passes == 3:
            frames[0] = no_image
        return torch.cat(frames)

    def combine(self, prediction: Tensor) -> Tensor:
        """[passes b, c, f, h, w] -> [b, c, f, h, w]."""
        parts = prediction.chunk(self.passes)
        if self.passes == 1:
            return parts[0]
        if self.passes == 2:
            nothing, both = parts
            guided = nothing + self.text * (both - nothing)
        else:
            nothing, image, both = parts
            guided = nothing + self.image * (image - nothing) + self.text * (both - image)
        return _rescale(guided, both, self.rescale) if self.rescale > 0 else guided


def _rescale(guided: Tensor, with_text: Tensor, share: float) -> Tensor:
    """Bring guided noise towards the deviation of the prediction with text; both over channels, frames and pixels."""
    axes = tuple(range(1, guided.ndim))
    rescaled = guided * (with_text.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True))
    return share * rescaled + (1 - share) * guided
