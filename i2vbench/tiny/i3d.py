"""A small I3D, which FVD looks through: it says where, of which colour, and above all what moves how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.metrics.networks import i3d
from i2vbench.metrics.networks.frames import resize_videos
from i2vbench.tiny import classifiers
from i2vbench.tiny.classifier_clips import SIZE_PX, Groups, pictures
from i2vbench.tiny.recipe import Curve, Recipe

PICTURES = Groups("scene", "colour")
CLIPS = Groups("scene", "colour", "camera", "motion", "flow")
"""Begins with what pictures show: a picture's logits are a clip's first ones."""

SQUARE_PX = 64
"""What is trained on for most of the time, of 128: a quarter of the work, and things are a larger part of it."""

NUM_FRAMES = 16


class I3D(Recipe):
    name = "i3d"
    checkpoint = "tiny_i3d"
    title = "I3D, the network of FVD, with an eighth of the published channels and 45 logits"
    data = "1,200 drawn clips of 16 frames, mirrored, reversed, frozen, lighter and darker, with noise"
    method = (
        "First pictures (scene, colour), as the published one began with ImageNet's; then clips (also camera, "
        "motion, and by the exact flow where the pixels of every place go) in squares of 64 of their 128 pixels; last "
        "whole clips. AdamW, batches of 32 and 8."
    )
    scores: Mapping[str, str] = {
        "scene": "scenes named right, of 12; always the commonest: 0.125",
        "colour": "colours of the largest thing named right, of 9; always the commonest: 0.149",
        "camera": "camera moves named right, of 7; always the commonest, still: 0.5",
        "motion": "motions of the largest thing named right, of 8; always the commonest: 0.161",
        "flow": "clips of which the direction that most pixels take is told, of 8 and still; always still: 0.57",
    }
    steps = 2600
    cpu_minutes = 15.0
    clips: int = 1200

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        network = _network(self.checkpoint)
        random = torch.Generator().manual_seed(self.seed)
        drawn = CLIPS.draw(self.clips, NUM_FRAMES)
        of_pictures, of_squares = self.steps * 400 // 2600, self.steps * 2000 // 2600
        of_clips = self.steps - of_pictures - of_squares
        seen = len(PICTURES.words)
        stills = pictures(replace(drawn, things=drawn.things[..., :seen], clips=drawn.clips[..., :seen]))
        options: dict[str, Any] = {"logits": lambda frames: _logits(network, frames)}
        classifiers.fit(
            network,
            groups=PICTURES,
            data=classifiers.batches(stills, PICTURES, 32, of_pictures, random, crop=SQUARE_PX),
            steps=of_pictures,
            tell=classifiers.row_of(log, CLIPS.names, 0),
            rate=3e-3,
            at_once=32,
            **options,
        )
        classifiers.fit(
            network,
            groups=CLIPS,
            data=classifiers.batches(drawn, CLIPS, 8, of_squares, random, crop=SQUARE_PX),
            steps=of_squares,
            tell=classifiers.row_of(log, CLIPS.names, of_pictures),
            rate=3e-3,
            at_once=8,
            **options,
        )
        classifiers.fit(
            network,
            groups=CLIPS,
            data=classifiers.batches(drawn, CLIPS, 8, of_clips, random),
            steps=of_clips,
            tell=classifiers.row_of(log, CLIPS.names, of_pictures + of_squares),
            rate=1e-3,
            at_once=4,
            **options,
        )
        return {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network = i3d.load(state, sizes=i3d.Sizes(**weights.entry(self.checkpoint).sizes))
        drawn = CLIPS.draw_held_out(200, NUM_FRAMES)
        logits = torch.cat([network(i3d.preprocess(frames)) for frames in drawn.frames.split(4)])
        return CLIPS.accuracies(logits, drawn)


def _network(checkpoint: str) -> nn.Module:
    network = classifiers.with_batch_norms(i3d.I3D(sizes=i3d.Sizes(**weights.entry(checkpoint).sizes)))
    classifiers.flow_taps(network)
    last = network.get_submodule("logits.conv3d")
    assert isinstance(last, nn.Conv3d)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return network.to(memory_format=torch.channels_last_3d).train()


def _logits(network: nn.Module, frames: Tensor) -> Tensor:
    """At every place: uint8 [N, T, H, W, 3], also of one frame, -> [N, classes, T/8, h, w].

    The published pool needs whole frames, and its mean over them is the mean of what is said here.
    """
    size = frames.shape[2] * i3d.SIZE_PX // SIZE_PX
    x = resize_videos(frames, size, lambda parts: F.interpolate(parts, (size, size), mode="bilinear"))
    x = x.mul_(2).div_(255).sub_(1)
    for name, layer in network.named_children():
        if name not in ("pool", "logits"):
            x = layer(x.contiguous(memory_format=torch.channels_last_3d))
    logits: Tensor = network.get_submodule("logits.conv3d")(x)
    return logits
