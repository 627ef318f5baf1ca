"""A tiny GRiT, the detector of object consistency: it finds the synthetic world's things and writes their kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import KINDS
from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import OBJECTS, GRiT, Sizes, preprocess
from i2vbench.metrics.networks.grit.backbone import Attention
from i2vbench.metrics.networks.grit.boxes import LEVELS
from i2vbench.metrics.networks.wordpiece import SEP, encode
from i2vbench.tiny.classifiers import with_batch_norms
from i2vbench.tiny.grit_losses import (
    JITTERED,
    best_proposals,
    cascade_losses,
    jittered,
    labels_loss,
    proposal_losses,
    words_loss,
)
from i2vbench.tiny.grit_pictures import SIZE_PX, Batch, draw_batch, draw_pool
from i2vbench.tiny.grit_scores import PICTURES, VIDEOS, of_pictures, of_videos
from i2vbench.tiny.recipe import Curve, Recipe

CLIPS = 5000
BATCH = 16
RATE, WARM_UP, DECAY = 2e-3, 0.06, 0.05
"""The learning rate at its highest, the share of steps that lead there, and the decay of weights."""
STEM_RATE = 0.3
"""Of the rate, for the stem, once it has learned kinds."""
WINDOW_PX, OF_WINDOWS = 48, 0.4
"""Side of the windows around things in which the stem learns their kinds, and the share of steps that it takes."""
WEIGHTS = {"kinds": 1.0, "heat": 1.0, "sides": 1.0, "objects": 1.0, "moves": 0.5, "words": 2.0, "labels": 2.0}
"""Of the losses, that of windows first. Of the stages' boxes more than usual are objects, and so are moved."""
REACH, FOCUS = (1, 1, 2, 2), 1.0
"""How many tokens the heads of each block look away at first, and how narrowly."""
NEIGHBOURS = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, -1), (-1, 1), (1, 1), (1, -1))
FIRST_SIDE = 4.0
"""Of boxes before anything is learned: how far their sides are from their centres, in strides of a level."""
ALIAS = "roi_heads.text_decoder.textual.embedding.words.weight"


class TinyGRiT(Recipe):
    """See `method`."""

    name = "grit"
    checkpoint = "tiny_grit"
    title = "GRiT with a backbone of 0.3 M parameters, which names the 21 kinds of the synthetic world"
    data = (
        f"three frames each of {CLIPS} clips of the synthetic world, 128 x 128 pixels, half of them with the things of "
        "another one on top; mirrored, scaled, shifted, in other light, and many of them blurred, noisy or as JPEG."
    )
    method = (
        f"First the convolutions alone, on the kinds in windows of {WINDOW_PX} pixels around things, as the published "
        "network began with a masked autoencoder's. Then AdamW on the losses of CenterNet, Cascade R-CNN and GRiT, as "
        "published but for the heatmap's, which counts twice, and a few boxes of each frame; beside them a linear "
        "layer tells the kind at each position of p3, and is left out afterwards. No masks, and no captions: it has "
        "only learned to name."
    )
    scores: Mapping[str, str] = {
        "found": f"things of {PICTURES} pictures found with the right name (a box of half their area or more)",
        "commonest": "the same for true boxes and always the commonest kind",
        "wrong": "boxes that show no thing of their name",
        "overlap": "mean intersection over union of boxes of the right name",
        "blurred": "things found in the same pictures at a third of their size, and back",
        "consistency": f"object consistency of {VIDEOS} clips, asked for the nearest thing",
        "consistency_absent": "object consistency of the same clips, asked for a kind that they do not show",
    }
    steps = 3000
    cpu_minutes = 22.0

    @property
    def sizes(self) -> Sizes:
        """Of the network."""
        return Sizes(**weights.entry(self.checkpoint).sizes)

    def train(self, log: Curve) -> dict[str, Tensor]:
        pool = draw_pool(CLIPS, self.seed, SIZE_PX)
        random = torch.Generator().manual_seed(self.seed)
        torch.manual_seed(self.seed)
        network = begin(self.sizes)
        of_windows = math.ceil(OF_WINDOWS * self.steps)
        stem = network.backbone.bottom_up.patch_embed["stem"]
        teller = nn.Linear(self.sizes.stem[-1], len(KINDS))  # this and the next for training alone
        labeller = nn.Conv2d(self.sizes.channels, len(KINDS) + 1, 1)
        _fit(
            nn.ModuleList([stem, teller]),
            lambda batch: {"kinds": window_loss(stem, teller, batch)},
            (draw_batch(pool, BATCH, random) for _ in range(of_windows)),
            Rows(log, 0, of_windows),
        )
        _fit(
            nn.ModuleList([network, labeller]),
            lambda batch: step_losses(network, labeller, batch, random),
            (draw_batch(pool, BATCH, random) for _ in range(self.steps - of_windows)),
            Rows(log, of_windows, self.steps - of_windows),
        )
        state = network.state_dict()
        return {key: value for key, value in state.items() if key != ALIAS and "num_batches" not in key}

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network = grit.load(state, self.sizes)
        blurred = of_pictures(network, PICTURES, shrunk_px=SIZE_PX // 3)["found"]
        return {**of_pictures(network, PICTURES), "blurred": blurred, **of_videos(network, VIDEOS)}


def begin(sizes: Sizes) -> GRiT:
    """A network to be trained; it draws from torch's own random numbers."""
    network = GRiT(sizes)
    with_batch_norms(network)
    network.text.tie()
    for layer in network.backbone.bottom_up.patch_embed["stem"].modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    head: Any = network.proposal_generator["centernet_head"]
    predictors: Any = network.roi_heads.box_predictor
    for name, parameter in network.named_parameters():
        if name.endswith((".pos_embed", ".rel_pos_h", ".rel_pos_w", ".positions.weight", ".words.weight")):
            nn.init.normal_(parameter, std=0.02)
    for number, block in enumerate(network.backbone.bottom_up.blocks):
        look_around(block.attn, REACH[min(number, len(REACH) - 1)])  # type: ignore[arg-type]
    for scale in head.scales:
        nn.init.ones_(scale["scale"])
    nn.init.constant_(head.agn_hm.bias, -math.log(99))  # a centre is rare
    nn.init.constant_(head.bbox_pred.bias, FIRST_SIDE)
    for predictor in predictors:  # boxes stay where they are at first
        nn.init.normal_(predictor["bbox_pred"][2].weight, std=0.001)
        nn.init.zeros_(predictor["bbox_pred"][2].bias)
    # So rare that the first hundred steps need not be spent on finding out which words there are.
    nn.init.constant_(network.text.output.bias, -8)
    network.text.output.bias.data[[SEP, *(word for kind in KINDS for word in encode(kind)[1:-1])]] = 0
    return network.train()


def look_around(attention: Attention, reach: int) -> None:
    """Let each head begin as a look at one of the neighbours that are so many tokens away, as a convolution has it.

    After ConViT (d'Ascoli et al., 2021): a transformer that has to find out by itself what lies beside what needs far
    more pictures than there is time for. A head's logit of a key `away` from its neighbour is -FOCUS |away|^2, of which
    the tables of distances hold the parts that all heads share.
    """
    query, size = attention.qkv.out_features // 3, attention.rel_pos_h.shape[1]
    for table, axis in ((attention.rel_pos_h, 1), (attention.rel_pos_w, 2)):
        distance = torch.arange(len(table)) - len(table) // 2  # from key to query
        table.data[:, :3] = 0
        table.data[:, 0], table.data[:, axis] = -FOCUS * distance**2, distance
    places = torch.arange(query).view(-1, size)[:, :3]  # [heads, 3]
    attention.qkv.weight.data[places.flatten()] = 0  # the same for every token
    for head, place in enumerate(places):
        down, across = NEIGHBOURS[head % len(NEIGHBOURS)]
        attention.qkv.bias.data[place] = torch.tensor([1.0, -2 * FOCUS * reach * down, -2 * FOCUS * reach * across])


def window_loss(stem: nn.Module, teller: nn.Module, batch: Batch) -> Tensor:
    """Cross entropy of the kind of the thing around which each window is.

    Args:
        teller: Makes kinds' logits of the stem's mean.
    """
    half, frames = WINDOW_PX // 2, F.pad(preprocess(batch.frames), (WINDOW_PX // 2,) * 4)
    windows = []
    for frame, boxes in zip(frames, batch.boxes, strict=True):
        for x, y in ((boxes[:, :2] + boxes[:, 2:]) / 2).int().tolist():  # in the padded frame, the window's corner
            windows.append(frame[:, y : y + 2 * half, x : x + 2 * half])
    seen = teller(stem(torch.stack(windows)).mean((2, 3)))
    return F.cross_entropy(seen, torch.cat(batch.kinds))


def step_losses(network: GRiT, labeller: nn.Module, batch: Batch, random: torch.Generator) -> dict[str, Tensor]:
    """What is to become small, of one batch.

    Args:
        labeller: As `labels_loss` takes it.
    """
    levels = network.backbone(preprocess(batch.frames))
    logits, distances = network.proposal_generator["centernet_head"](levels)
    heat, sides = proposal_losses(logits, distances, batch.boxes, network.strides)
    given = [
        torch.cat((some, jittered(true.repeat(JITTERED, 1), 0.2, random)))
        for some, true in zip(best_proposals(logits, distances, network.strides), batch.boxes, strict=True)
    ]
    regions = [level.contiguous() for level in levels[:LEVELS]]
    objects, moves = cascade_losses(network, regions, given, batch.boxes, (SIZE_PX, SIZE_PX))
    about = [jittered(true, 0.1, random) for true in batch.boxes]
    words = torch.tensor([encode(kind)[1:] for kind in KINDS])[torch.cat(batch.kinds)]
    return {
        "heat": heat,
        "sides": sides,
        "objects": objects,
        "moves": moves,
        "words": words_loss(network, regions, about, words, OBJECTS),
        "labels": labels_loss(labeller, levels[0], batch.labels),
    }


class Rows:
    """The curve's rows, 25 for each of the two stages: means over the last steps, NaN for what is not taught.

    Args:
        log: The curve.
        begin: Steps of the stage before.
        steps: Of this one.
    """

    def __init__(self, log: Curve, begin: int, steps: int) -> None:
        self.steps = steps
        self._log, self._begin = log, begin
        self._means: dict[str, float] = {}

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        for key, value in losses.items():
            self._means[key] = 0.95 * self._means.get(key, value.item()) + 0.05 * value.item()
        if step % max(1, self.steps // 25) == 0:
            self._log.row(self._begin + step, **{key: self._means.get(key, math.nan) for key in WEIGHTS})


def _fit(
    network: nn.Module, losses_of: Callable[[Batch], dict[str, Tensor]], batches: Iterable[Batch], rows: Rows
) -> None:
    """AdamW, the learning rate up a line and down a cosine."""
    optimizer, schedule = _optimizer(network, rows.steps)
    for step, batch in enumerate(batches, start=1):
        losses = losses_of(batch)
        optimizer.zero_grad(set_to_none=True)
        torch.stack([WEIGHTS[key] * value for key, value in losses.items()]).sum().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        rows.add(step, losses)


def _optimizer(network: nn.Module, steps: int) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault((".stem." in name, parameter.ndim > 1 and "_pos" not in name), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": RATE * (STEM_RATE if of_stem else 1),
                "weight_decay": DECAY if is_matrix else 0.0,
            }
            for (of_stem, is_matrix), parameters in groups.items()
        ],
        betas=(0.9, 0.99),
    )
    warm = max(1, int(WARM_UP * steps))

    def rate(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
