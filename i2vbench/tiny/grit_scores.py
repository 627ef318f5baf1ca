"""How good the tiny GRiT is on held-out pictures and clips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torchvision.ops import box_iou

from i2vbench.datasets.synthetic import KINDS, draw_clip, held_out
from i2vbench.metrics.frame_success import names_object
from i2vbench.metrics.networks.grit import GRiT
from i2vbench.tiny.grit_pictures import LEAST_PIXELS, SIZE_PX

LEAST_OVERLAP = 0.5
"""Of a box with the thing that it is said to show."""

PICTURES, VIDEOS = 300, 24


def of_pictures(network: GRiT, count: int, shrunk_px: int = SIZE_PX) -> dict[str, float]:
    """How many things of held-out pictures are found, and what is found beside them.

    Args:
        shrunk_px: To which the pictures are shrunk, and enlarged again, before the network sees them.
    """
    things = right = boxes = wrong = 0
    overlaps: list[float] = []
    kinds: dict[str, int] = {}
    for index in range(count):
        clip = draw_clip(held_out(index), 3, 1.0, SIZE_PX, SIZE_PX)
        frame = index % 3
        picture = torch.from_numpy(clip.frames[frame : frame + 1]).permute(0, 3, 1, 2).float()
        if shrunk_px != SIZE_PX:
            picture = F.interpolate(picture, shrunk_px, mode="bilinear", antialias=True)
            picture = F.interpolate(picture, SIZE_PX, mode="bilinear")
        [found] = network.detect(picture)
        seen = [k for k in range(len(clip.things)) if (clip.layers[frame] == k + 1).sum() >= LEAST_PIXELS]
        true = torch.from_numpy(clip.boxes[seen, frame]).reshape(-1, 4)
        names = [clip.things[k].kind for k in seen]
        overlap = box_iou(found.boxes, true)
        same = torch.tensor([[a == b for b in names] for a in found.names], dtype=torch.bool).reshape(overlap.shape)
        hits = (overlap >= LEAST_OVERLAP) & same
        things, right = things + len(names), right + int(hits.any(dim=0).sum())
        boxes, wrong = boxes + len(found.names), wrong + int((~hits.any(dim=1)).sum())
        overlaps += overlap.masked_fill(~hits, 0).amax(dim=0)[hits.any(dim=0)].tolist() if len(found.names) else []
        for name in names:
            kinds[name] = kinds.get(name, 0) + 1
    return {
        "found": right / things,
        "wrong": wrong / max(1, boxes),
        "overlap": sum(overlaps) / max(1, len(overlaps)),
        "commonest": max(kinds.values()) / things,
    }


def of_videos(network: GRiT, count: int) -> dict[str, float]:
    """Object consistency of held-out clips, by the kind of their nearest thing, and by one that they do not show."""
    true = other = frames = 0
    for index in range(count):
        clip = draw_clip(held_out(PICTURES + index), 16, 8.0, SIZE_PX, SIZE_PX)
        kinds = [thing.kind for thing in clip.things]
        absent = next(kind for kind in KINDS[index % len(KINDS) :] + KINDS if kind not in kinds)
        for found in network.detect(torch.from_numpy(clip.frames).permute(0, 3, 1, 2)):
            true, other = true + names_object({kinds[0]}, found.names), other + names_object({absent}, found.names)
            frames += 1
    return {"consistency": true / frames, "consistency_absent": other / frames}
