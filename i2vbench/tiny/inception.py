"""A small Inception, which FID looks through: it says what is seen, of which colour and texture, in which scene."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.metrics.networks import inception
from i2vbench.metrics.networks.frames import resize_images
from i2vbench.tiny import classifiers
from i2vbench.tiny.classifier_clips import SIZE_PX, Groups, pictures
from i2vbench.tiny.recipe import Curve, Recipe

PICTURES = Groups("scene", "colour", "kind", "texture")

SQUARE_PX = 64
"""What is trained on for most of the time, of 128: a quarter of the work, and things are a larger part of it."""

CLIPS, FRAMES = 4000, 2
BATCH, WHOLE_BATCH = 32, 16
HELD_OUT = 400


class Inception(Recipe):
    name = "inception"
    checkpoint = "tiny_inception"
    title = "Inception, the network of FID, with an eighth of the published channels and 46 classes"
    data = f"{FRAMES} frames each of {CLIPS} drawn clips, mirrored, lighter and darker, with noise"
    method = (
        "Scene, colour, kind and texture at every place of the last layer and of their mean, first in squares of "
        f"{SQUARE_PX} of the 128 pixels, then in whole pictures. AdamW, batches of {BATCH}; published: ImageNet."
    )
    scores = MappingProxyType(
        {
            "scene": "scenes named right, of 12; always the commonest: 0.11",
            "colour": "colours of the largest thing named right, of 9; always the commonest: 0.14",
            "kind": "kinds of the largest thing named right, of 21; always the commonest: 0.07",
            "texture": "textures of the largest thing named right, of 4; always the commonest: 0.28",
        }
    )
    steps = 3000
    cpu_minutes = 10.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        network = _network(self.checkpoint)
        random = torch.Generator().manual_seed(self.seed)
        drawn = pictures(PICTURES.draw(CLIPS, FRAMES))
        whole = self.steps // 8
        for crop, batch, begin, steps, rate in (
            (SQUARE_PX, BATCH, 0, self.steps - whole, 3e-3),
            (SIZE_PX, WHOLE_BATCH, self.steps - whole, whole, 1e-3),
        ):
            classifiers.fit(
                network,
                logits=lambda frames: _logits(network, frames),
                groups=PICTURES,
                data=classifiers.batches(drawn, PICTURES, batch, steps, random, crop=crop),
                steps=steps,
                tell=classifiers.row_of(log, PICTURES.names, begin),
                rate=rate,
                at_once=batch,
            )
        return {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network = inception.load(state, inception.Sizes(**weights.entry(self.checkpoint).sizes))
        drawn = pictures(PICTURES.draw_held_out(HELD_OUT, 1))
        seen = [network(inception.preprocess(frames[:, 0])).features for frames in drawn.frames.split(16)]
        return PICTURES.accuracies(torch.cat(seen) @ network.fc.weight.T + network.fc.bias, drawn)


def _network(checkpoint: str) -> inception.Inception:
    network = inception.Inception(inception.Sizes(**weights.entry(checkpoint).sizes))
    classifiers.with_batch_norms(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    nn.init.normal_(network.fc.weight, std=0.01)
    nn.init.zeros_(network.fc.bias)
    return network.to(memory_format=torch.channels_last).train()


def _logits(network: inception.Inception, frames: Tensor) -> Tensor:
    """At every place: uint8 [N, 1, H, W, 3] -> [N, classes, 1, h, w].

    The last layer is linear, so the mean of what it says is what it says of the published pool's mean.
    """
    size = frames.shape[2] * inception.SIZE_PX // SIZE_PX
    images = resize_images(frames[:, 0], size, lambda part: F.interpolate(part, (size, size), mode="bilinear"))
    x = network.maps(images.sub_(128).div_(128).contiguous(memory_format=torch.channels_last))[-1]
    said: Tensor = network.fc(x.permute(0, 2, 3, 1))  # [N, h, w, classes]
    return said.permute(0, 3, 1, 2)[:, :, None]
