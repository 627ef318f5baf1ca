"""What CLIP says of a clip's first, middle and last frame: how it looks, what it shows, and what it is like.

The aesthetic score is LAION's predictor over CLIP's features, as Open-Sora takes it for videos: the mean over these
three frames (tools/aesthetic in hpcaitech/Open-Sora). The category is zero-shot as in CLIP's paper (Section 3.1.4): the
mean of the embeddings of several descriptions, and a softmax over categories at CLIP's own scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from i2vbench.errors import UserError
from i2vbench.names import nearest
from i2vbench.parsing import parse_toml
from i2vbench.types import Frames

if TYPE_CHECKING:
    from torch import Tensor

PROMPTS_FILE = Path(__file__).with_name("categories.toml")

Features = npt.NDArray[np.float32]
Prompts = Mapping[str, Sequence[str]]
"""Descriptions by category."""


@dataclass(frozen=True, slots=True)
class Networks:
    """What clips are looked at through, by the catalogue's names.

    Attributes:
        clip: A CLIP.
        aesthetic: A predictor over its features.
    """

    clip: str
    aesthetic: str

    @property
    def checkpoints(self) -> tuple[str, str]:
        return self.clip, self.aesthetic


NETWORKS: Mapping[str, Networks] = MappingProxyType({
    "paper": Networks("clip_vit_l14", "aesthetic_l14_mlp"),
    "tiny": Networks("tiny_clip", "tiny_aesthetic"),
})  # fmt: skip
"""By what a plan calls them. `tiny` comes with i2vbench; it tells damage on drawn frames, not beauty."""


def networks(name: str) -> Networks:
    """Those of that name.

    Raises:
        UserError: There are none.
    """
    if name not in NETWORKS:
        raise UserError(f"no networks of curation are called '{name}': {nearest(name, NETWORKS)}")
    return NETWORKS[name]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen of a clip.

    Attributes:
        features: Of each frame, float32 [T, C] of length 1.
        aesthetic: Score of each frame.
    """

    features: Features
    aesthetic: tuple[float, ...]

    @property
    def score(self) -> float:
        """The clip's: the mean over its frames."""
        return fmean(self.aesthetic)

    @property
    def feature(self) -> Features:
        """The clip's, [C] of length 1: the mean over its frames."""
        return _unit(self.features.mean(axis=0))


def looked_at(num_frames: int) -> tuple[int, int, int]:
    """The first, the middle and the last frame of so many."""
    return 0, num_frames // 2, num_frames - 1


class Scorer:
    """CLIP and a predictor over its features.

    Args:
        names: `NETWORKS` has them by name; any CLIP of the catalogue goes with a predictor over it.

    Example:
        scorer = Scorer(networks("tiny"))
        scorer.load("cpu")
        (look,) = scorer.look([clip.frames[list(looked_at(len(clip.frames)))]])
        look.score, scorer.category_scores(look.features, CATEGORY_PROMPTS)
    """

    def __init__(self, names: Networks) -> None:
        self.names = names
        self._clip: Any = None
        self._aesthetic: Any = None
        self._texts: dict[tuple[tuple[str, tuple[str, ...]], ...], Features] = {}

    def load(self, device: str) -> None:
        """Bring both networks into memory, float32.

        Args:
            device: As torch names it.

        Raises:
            UserError: One is not here, or the predictor takes other features than this CLIP's.
        """
        from i2vbench.metrics.base import read_network
        from i2vbench.metrics.networks.aesthetic import width_of

        predictor = read_network("aesthetic", self.names.aesthetic)
        clip: Any = read_network("clip", self.names.clip)
        given, taken = clip.text_projection.shape[1], width_of(predictor)
        if given != taken:
            raise UserError(
                f"checkpoint {self.names.aesthetic} takes {taken} features and {self.names.clip} gives {given}: "
                "name a predictor that was trained over this CLIP"
            )
        self._clip, self._aesthetic = clip.to(device), predictor.to(device)

    def unload(self) -> None:
        """Let go of the networks; `load` may come again."""
        self._clip = self._aesthetic = None
        self._texts.clear()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each checkpoint by its name, for a record of what the scores were made with."""
        from i2vbench import weights

        return {name: weights.sha256_of(name) for name in self.names.checkpoints}

    def look(self, clips: Sequence[Frames]) -> list[Look]:
        """What is seen of clips, in their order.

        Args:
            clips: Some frames of each, uint8 [T, H, W, 3] of any size; of `looked_at` for the published score.
        """
        import torch

        # A clip at a time, so that its numbers depend on it alone: products of another shape round otherwise. It costs
        # nothing on a CPU: 2.0 to 2.4 s a frame through ViT-L/14 on one core, by 1, 3 or 12 of them.
        return [self._look(torch.from_numpy(np.ascontiguousarray(frames))) for frames in clips]

    def category_scores(self, features: Features, prompts: Prompts) -> dict[str, float]:
        """The probability of each category by what CLIP says; they add up to 1.

        Args:
            features: Of a clip's frames, [T, C], as `look` gives them.
            prompts: Descriptions by category; they are read once.
        """
        texts = self._text_features(prompts)
        image = _unit(features.mean(axis=0))
        logits = float(self._clip.logit_scale.exp()) * (texts.astype(float) @ image.astype(float))
        shares = np.exp(logits - logits.max())
        return dict(zip(prompts, (shares / shares.sum()).tolist(), strict=True))

    def _look(self, frames: Tensor) -> Look:
        from i2vbench.metrics.networks import aesthetic, clip

        images = clip.preprocess(frames.to(self._clip.logit_scale.device))
        features = aesthetic.unit_length(clip.image_features(self._clip, images))
        scores = self._aesthetic(features)
        return Look(features.cpu().numpy(), tuple(scores.tolist()))

    def _text_features(self, prompts: Prompts) -> Features:
        """[categories, C] of length 1: of each the mean over its descriptions, each of length 1."""
        key = tuple((category, tuple(texts)) for category, texts in prompts.items())
        if key not in self._texts:
            self._texts[key] = np.stack([_unit(self._read(texts).mean(axis=0)) for _, texts in key])
        return self._texts[key]

    def _read(self, texts: Sequence[str]) -> Features:
        """[N, C] of length 1."""
        from i2vbench.metrics.networks import aesthetic, clip

        sizes = self._clip
        tokens = clip.tokenize(texts, vocabulary=sizes.vocab_size, context_length=sizes.context_length)
        features = aesthetic.unit_length(clip.text_features(sizes, tokens.to(sizes.logit_scale.device)))
        read: Features = features.cpu().numpy()
        return read


def parse_prompts(table: Mapping[str, object], where: str) -> Prompts:
    """A table of descriptions by category, as categories.toml or a plan has it.

    Args:
        table: As TOML gives it.
        where: The file, for messages.

    Raises:
        UserError: It is empty, or a category has no descriptions, or something else than texts.
    """
    if not table:
        raise UserError(f"{where}: expected descriptions by category, found none")
    for category, texts in table.items():
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t.strip() for t in texts):
            raise UserError(f"{where}: category '{category}': expected a list of descriptions, found {texts!r}")
    return MappingProxyType({category: tuple(texts) for category, texts in table.items()})  # type: ignore[arg-type]


def _unit(vector: Features) -> Features:
    """[C] of length 1."""
    unit: Features = vector / np.linalg.norm(vector)
    return unit


CATEGORY_PROMPTS = parse_prompts(parse_toml(PROMPTS_FILE.read_text(encoding="utf-8")), PROMPTS_FILE.name)
"""Those of Table 4's categories, in its order."""
