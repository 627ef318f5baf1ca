"""A small C3D, which the Inception Score looks through: the scene of a clip, and whether anything in it moves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import SCENES
from i2vbench.metrics.networks import c3d
from i2vbench.tiny import classifiers
from i2vbench.tiny.classifier_clips import Drawn, Groups
from i2vbench.tiny.recipe import Curve, Recipe

GROUPS = Groups("scene", "camera", "motion")
CLIPS, BATCH = 1000, 16
STILL = 0.4
"""Share of clips that are shown frozen, so that about as many stand still as move."""

MEAN = "tiny_c3d_mean"

_SCENES = len(SCENES)
_STILL = [i for i, word in enumerate(GROUPS.words) if word in (("camera", "still"), ("motion", "stays"))]
_MOVING = [i for i, (name, _) in enumerate(GROUPS.words) if name in ("camera", "motion") and i not in _STILL]


class Classes:
    """The 24 classes: a scene in which nothing moves, or the same where something does."""

    def of(self, drawn: Drawn) -> Tensor:
        """int64 [N]."""
        seen = drawn.cells.sum((2, 3, 4)) > 0  # [N, 3]
        moves = drawn.clips[:, _MOVING].any(1) | (seen & drawn.things[..., _MOVING].any(2)).any(1)
        return drawn.clips[:, :_SCENES].argmax(1) + _SCENES * moves

    def loss(self, logits: Tensor, drawn: Drawn) -> Tensor:
        return F.cross_entropy(logits, self.of(drawn))

    def accuracies(self, logits: Tensor, drawn: Drawn) -> dict[str, float]:
        """Of scenes, and of whether something moves, by the sums of the classes' probabilities."""
        said, wanted = logits.softmax(1).unflatten(1, (2, _SCENES)), self.of(drawn)
        scene, moves = said.sum(1).argmax(1), said.sum(2).argmax(1)
        return {
            "scene": (scene == wanted % _SCENES).float().mean().item(),
            "moves": (moves == wanted // _SCENES).float().mean().item(),
        }


class C3D(Recipe):
    name = "c3d"
    checkpoint = "tiny_c3d"
    title = "C3D, the network of the video Inception Score, with an eighth of the published channels and 24 classes"
    data = f"{CLIPS} drawn clips of 16 frames, mirrored, reversed, lighter and darker, with noise, {STILL:.0%} frozen"
    method = (
        "One class for each scene in which nothing moves, one for each in which something does. AdamW, batches of "
        f"{BATCH}; published: Sports-1M, then the 101 actions of UCF-101."
    )
    scores = MappingProxyType(
        {
            "scene": "scenes told right, of 12; always the commonest: 0.15",
            "moves": "whether anything moves, of held-out clips and the same frozen; always the commoner: 0.5",
        }
    )
    steps = 600
    cpu_minutes = 11.0
    extras = (MEAN,)

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        random = torch.Generator().manual_seed(self.seed)
        drawn = GROUPS.draw(CLIPS, c3d.NUM_FRAMES)
        self._mean = mean_colour(drawn)
        network, mean = _network(self.checkpoint), c3d.load_mean(self._mean)
        classifiers.fit(
            network,
            logits=lambda frames: network.logits(c3d.preprocess(frames, mean)),
            groups=Classes(),
            data=classifiers.batches(drawn, GROUPS, BATCH, self.steps, random, frozen=STILL),
            steps=self.steps,
            tell=classifiers.row_of(log, ("scene", "moves"), 0),
            rate=1.5e-3,
            at_once=4,
        )
        return dict(network.state_dict())

    def extra(self, name: str) -> dict[str, Tensor]:
        return self._mean

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network, mean = c3d.load(state, c3d.Sizes(**weights.entry(self.checkpoint).sizes)), c3d.load_mean(self._mean)
        drawn = GROUPS.draw_held_out(160, c3d.NUM_FRAMES)
        return told(network, mean, drawn)


def told(network: c3d.C3D, mean: Tensor, drawn: Drawn) -> dict[str, float]:
    """Accuracies on clips as they are and on those frozen, each kind half of what `moves` is of."""
    found = []
    for clips in (drawn, GROUPS.frozen(drawn)):
        said = torch.cat([network.logits(c3d.preprocess(frames, mean)) for frames in clips.frames.split(4)])
        found.append(Classes().accuracies(said, clips))
    return {name: (found[0][name] + found[1][name]) / 2 for name in found[0]}


def mean_colour(drawn: Drawn) -> dict[str, Tensor]:
    """`mean` [3, 1, 1, 1], BGR: what is drawn has no brighter top or middle, as filmed actions have."""
    return {"mean": drawn.frames.float().mean((0, 1, 2, 3)).flip(0).view(3, 1, 1, 1)}


def _network(checkpoint: str) -> c3d.C3D:
    """With kernels by He et al. (2015), which hear motion from the first step on; the first for pixels up to 255."""
    network = c3d.C3D(c3d.Sizes(**weights.entry(checkpoint).sizes))
    classifiers.flow_taps(network)
    network.conv1a.weight.data /= 64
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.Linear | nn.Conv3d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    network.fc8.weight.data /= 10
    return network.train()
