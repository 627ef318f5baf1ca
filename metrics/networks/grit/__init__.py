"""GRiT, the network of object consistency: it finds boxes in a frame and writes a name for each (ECCV 2024).

Matches JialianW/GRiT as VBench 0.1.5 (commit 45e79ec) runs it, `third_party/grit_src`, with
grit_b_densecap_objectdet.pth, without detectron2: a plain vision transformer and its pyramid (backbone.py, pyramid.py),
proposals without classes (proposals.py), three stages of box heads (boxes.py), and a text decoder (words.py). VBench
runs the box heads and the decoder twice; for object names both runs are the same, and there is one here.

float32 alone: names are the best of 30,522 logits at each step, and published names stand and fall with equality to the
letter.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.grit.boxes import LEAST_SCORE, LEVELS, OBJECT_CELLS, Boxes, RoIHeads, frame_of, pool
from i2vbench.metrics.networks.grit.proposals import CenterNetHead, propose
from i2vbench.metrics.networks.grit.pyramid import Pyramid, padded_size
from i2vbench.metrics.networks.grit.sizes import PUBLISHED, Sizes
from i2vbench.metrics.networks.grit.words import TextDecoder
from i2vbench.metrics.networks.layers import in_float32
from i2vbench.metrics.networks.wordpiece import decode
from i2vbench.transfer import put

__all__ = ["CAPTIONS", "OBJECTS", "PUBLISHED", "Detections", "GRiT", "Sizes", "Task", "load", "shrink"]

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)

LARGE_PX, SHRUNK_PX = 768, 720
"""Frames whose shorter side is over the one are shrunk to the other."""

PIXELS_AT_ONCE, PIXELS_AT_ONCE_ON_GPU = 2**18, 2**22
"""Of the frames that go through the network together. On a CPU these are 4 of 256 x 256: one takes 5 % longer each, 16
take 4 %. On a GPU 64, with 256 proposals each, need about 4 GB (reckoned, not measured)."""

BOXES_AT_ONCE = 64
"""For which words are written together: their keys and values are 0.6 GB."""

_UNUSED = ("roi_heads.mask_head.", "roi_heads.text_decoder_det.", "pixel_mean", "pixel_std")
"""Begin the keys of what no result depends on: masks, VBench's second text decoder (the first again), `MEAN`, `STD`."""

_TEXT = "roi_heads.text_decoder.textual."


class Task(IntEnum):
    """What is written of a box; the number is the token that a description begins with."""

    OBJECTS = 101
    CAPTIONS = 104


OBJECTS, CAPTIONS = Task.OBJECTS, Task.CAPTIONS


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Of one frame, in descending order of box score; on the CPU.

    Attributes:
        boxes: float32 [n, 4]: x1, y1, x2, y2 in pixels of the frame as it was given to `detect`.
        scores: float32 [n], the published instance score: sqrt(box score * exp(mean log probability of the words)).
        box_scores: float32 [n], each over 0.5.
        names: What the text decoder wrote for each box; lower case, and empty where it wrote nothing.
        fault: Why the frame has no detections, if not for want of objects: what the network made of it is not finite.
            Then the others are empty. Of a frame without a fault it is empty.
    """

    boxes: Tensor
    scores: Tensor
    box_scores: Tensor
    names: list[str]
    fault: str = ""


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> GRiT:
    """The network with the tensors of the published checkpoint, float32, in evaluation mode, without gradients.

    Args:
        state: Tensors by name, or what holds them under `model`. Those of the mask head may be missing, and the
            embedding of words, which is the output's weight; what else is in it is left out, with a warning that
            names it.

    Raises:
        CheckpointError: Naming every key that is missing or of another shape.
    """
    with torch.device("meta"):
        network = GRiT(sizes)
    given = {key: value for key, value in unwrap(state).items() if not key.startswith(_UNUSED)}
    if f"{_TEXT}output.weight" in given:  # one tensor under two names, of which safetensors keeps one
        given.setdefault(f"{_TEXT}embedding.words.weight", given[f"{_TEXT}output.weight"])
    unknown = sorted(given.keys() - network.state_dict().keys())
    fill(network, {key: given[key] for key in given if key not in unknown}, "GRiT", dtype=torch.float32)
    network.text.tie()
    if unknown:
        warnings.warn(f"checkpoint of GRiT: {len(unknown)} unknown and left out: {', '.join(unknown)}", stacklevel=2)
    return network.eval().requires_grad_(False)


def shrink(frames: Tensor) -> Tensor:
    """Large frames as VBench shrinks them before GRiT sees them: to a shorter side of 720, if it is over 768.

    Bilinear, antialiased, and not rounded.

    Args:
        frames: uint8 or float [N, 3, H, W].

    Returns:
        float32 [N, 3, h, w]; frames that are not large as they are.
    """
    height, width = frames.shape[-2:]
    short = min(height, width)
    if short <= LARGE_PX:
        return frames
    scale = SHRUNK_PX / short
    size = int(scale * height), int(scale * width)
    shrunk = [
        F.interpolate(frame[None].float(), size, mode="bilinear", align_corners=False, antialias=True)
        for frame in frames
    ]
    return torch.cat(shrunk)


def preprocess(frames: Tensor) -> Tensor:
    """Normalised, then padded with zeros to multiples of 32 at the right and the bottom.

    Args:
        frames: uint8 or float [N, 3, H, W] in 0..255.

    Returns:
        float32 [N, 3, H', W'].
    """
    height, width = frames.shape[2:]
    mean, std = put(torch.tensor([MEAN, STD]), frames.device).view(2, 3, 1, 1)
    high, wide = padded_size(height, width)
    return F.pad((frames.float() - mean) / std, (0, wide - width, 0, high - height))


class GRiT(nn.Module):
    """The modules bear the names of the published checkpoint."""

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        self.strides = sizes.strides
        self.backbone = Pyramid(sizes)
        self.proposal_generator = nn.ModuleDict({"centernet_head": CenterNetHead(sizes)})
        self.roi_heads = RoIHeads(sizes)
        self.roi_heads.text_decoder = nn.ModuleDict({"textual": TextDecoder(sizes)})

    @property
    def text(self) -> TextDecoder:
        """The text decoder."""
        decoder: TextDecoder = self.roi_heads.text_decoder["textual"]  # type: ignore[index,assignment]
        return decoder

    @in_float32
    def detect(self, frames: Tensor, task: Task = OBJECTS) -> list[Detections]:
        """What is in each frame, at its own size; a frame's detections do not depend on the others.

        Args:
            frames: uint8 or float [N, 3, H, W], RGB in 0..255. Large ones are to be `shrink`ed before.
            task: Whether objects are named or described.

        Raises:
            ValueError: For another shape or dtype.
        """
        _check(frames)
        chunks = frames.split(frames_at_once(frames)) if len(frames) else ()
        return [found for chunk in chunks for found in self._detect(chunk, task)]

    def _detect(self, frames: Tensor, task: Task) -> list[Detections]:
        levels = self.backbone(preprocess(frames))
        logits, distances = self.proposal_generator["centernet_head"](levels)
        sound = torch.stack([x.flatten(1).isfinite().all(dim=1) for x in (*logits, *distances)]).all(dim=0).tolist()
        floor = LEAST_SCORE**2  # a box's score is at most the proposal's root
        proposals = propose(logits, distances, floor, self.strides)
        proposals = [some if fine else some.none() for some, fine in zip(proposals, sound, strict=True)]
        regions = [level.contiguous() for level in levels[:LEVELS]]  # once: reading from boxes wants it so
        found = self.roi_heads(regions, proposals, (frames.shape[2], frames.shape[3]))
        tokens, log_probabilities = self._write(regions, found, task)

        counts = [len(some.boxes) for some in found]
        all_boxes, all_scores = (torch.cat(parts).cpu() for parts in zip(*(some[:2] for some in found), strict=True))
        of_frames = (x.split(counts) for x in (all_boxes, all_scores, log_probabilities))
        detections, end = [], 0
        for some, fine, boxes, box_scores, of_words in zip(found, sound, *of_frames, strict=True):
            start, end = end, end + len(boxes)
            fault = _fault(fine, some.finite, bool(of_words.isfinite().all()))
            # The published code drops boxes without area here, after it wrote of them.
            shown = (boxes[:, 2:] > boxes[:, :2]).all(dim=1) & (not fault)
            names = [
                decode(ids[1:]) for ids, is_shown in zip(tokens[start:end], shown.tolist(), strict=True) if is_shown
            ]
            scores = (box_scores * of_words.exp()).sqrt()
            detections.append(Detections(boxes[shown], scores[shown], box_scores[shown], names, fault))
        return detections

    def _write(self, regions: Sequence[Tensor], found: Sequence[Boxes], task: Task) -> tuple[list[list[int]], Tensor]:
        """Tokens of all boxes of all frames, and their log probabilities, on the CPU."""
        frames = frame_of([len(some.boxes) for some in found], regions[0].device)
        boxes = torch.cat([some.boxes for some in found])
        tokens: list[list[int]] = []
        log_probabilities = []
        for some in torch.arange(len(boxes), device=boxes.device).split(BOXES_AT_ONCE) if len(boxes) else ():
            features = (
                pool(regions, boxes[some], frames[some], OBJECT_CELLS, self.roi_heads.strides).flatten(2).mT
            )  # [r, 196, channels]
            written = self.text.search(features, task)
            tokens += written.tokens[:, 0].tolist()
            log_probabilities.append(written.log_probabilities[:, 0])
        return tokens, torch.cat(log_probabilities or [boxes.new_empty(0)]).cpu()


def frames_at_once(frames: Tensor) -> int:
    """How many of frames [N, 3, H, W] go through the network together."""
    pixels = PIXELS_AT_ONCE if frames.device.type == "cpu" else PIXELS_AT_ONCE_ON_GPU
    return max(1, pixels // (frames.shape[2] * frames.shape[3]))


def _fault(features: bool, boxes: bool, words: bool) -> str:
    """What is not finite of a frame, as a sentence's end; empty where all is."""
    parts = {"its heatmap and distances": features, "its boxes' scores": boxes, "its words' probabilities": words}
    return next((f"GRiT: {part} are not finite" for part, fine in parts.items() if not fine), "")


def _check(frames: Tensor) -> None:
    right = frames.ndim == 4 and frames.shape[1] == 3 and 0 not in frames.shape[2:]
    if not right or not (frames.dtype == torch.uint8 or frames.is_floating_point()):
        dtype = str(frames.dtype).removeprefix("torch.")
        raise ValueError(f"GRiT: expected frames [N, 3, H, W] of uint8 or floats, got {dtype} {list(frames.shape)}")
