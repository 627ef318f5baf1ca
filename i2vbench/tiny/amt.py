"""AMT-tiny: the interpolation of motion smoothness."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.metrics.motion_smoothness import interpolate, kept_and_compared
from i2vbench.metrics.networks import amt
from i2vbench.tiny.motion import Look, Pool, matching_loss, recoloured
from i2vbench.tiny.recipe import Curve, Recipe

CLIPS = 600
BATCH = 4
GAPS = (1, 1, 1, 2)
MATCHING = 0.15
"""Share of the steps until when only the correlated features learn, to find a position again."""

FLOW_WEIGHT = 0.01
"""Of the flows' errors, in pixels, beside the picture's."""

RATE = 1e-3
SCORED = 40
"""Held-out clips of which those that move are looked at."""

MOVING_PX = 0.5
"""Mean flow from a frame to the next, from which on a clip moves."""


class AmtTiny(Recipe):
    """AMT, small, on triples of frames with their exact flow."""

    name = "amt"
    checkpoint = "tiny_amt"
    title = "AMT-S with channels of a quarter to a half"
    data = f"{CLIPS} clips of the synthetic world, seen through moving windows of 128 x 128, with their exact flow."
    method = (
        "The frame in between by a Charbonnier loss, as published but without the census loss, and the flows at 1/8 "
        f"and 1/2 by the exact ones; the correlated features alone before that. AdamW with one cycle of the rate, "
        f"batches of {BATCH}. Published: 300 epochs of Vimeo-90K."
    )
    scores = MappingProxyType(
        {
            "psnr_db": "PSNR of the odd frames of clips that move, interpolated from the even ones, dB",
            "psnr_blend_db": "the same of the mean of the two frames",
            "better_than_blend": "Share of the frames that come out nearer than the mean of the two",
        }
    )
    steps = 2000
    cpu_minutes = 9.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        random = np.random.default_rng(self.seed)
        pool = Pool(CLIPS)
        network = amt.AMT(amt.Sizes(**weights.entry(self.checkpoint).sizes)).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-5)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, self.steps + 1, pct_start=0.05, anneal_strategy="linear"
        )
        losses: list[tuple[float, float]] = []
        for step in range(1, self.steps + 1):
            look = pool.look(random, BATCH, (-1, 1), GAPS)
            look = look._replace(frames=recoloured(look.frames, random))
            psnr_db = np.nan
            if step <= MATCHING * self.steps:
                centred = look.frames - look.frames.mean((1, 2, 3, 4), keepdim=True)
                middle, other = network.feat_encoder(centred[:, :2].transpose(0, 1).flatten(0, 1)).chunk(2)
                loss = matching_loss(middle, other, look.flows[:, 0], look.known, between=False)
            else:
                found: amt.Interpolation = network(look.frames[:, 1:])
                loss = interpolation_loss(found, look)
                psnr_db = float(_psnr_db(found.prediction.detach(), look.frames[:, 0]).mean())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append((loss.item(), psnr_db))
            if step % max(1, self.steps // 50) == 0:
                mean_loss, mean_psnr_db = np.mean(losses, axis=0)
                log.row(step, loss=mean_loss, psnr_db=mean_psnr_db)
                losses.clear()
        return network.state_dict()

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network = amt.load(state, amt.Sizes(**weights.entry(self.checkpoint).sizes))
        return against_blending(network, SCORED)


def interpolation_loss(found: amt.Interpolation, look: Look) -> Tensor:
    """The picture's error and the flows', these in pixels of the frame and where they are known."""
    error = ((found.prediction - look.frames[:, 0]).square() + 1e-6).sqrt().mean()
    known = look.known.float()
    to_first, to_second = look.flows.unbind(1)
    levels = ((found.flow0_level4, to_first, 8), (found.flow1_level4, to_second, 8), (found.flow0_level2, to_first, 2))
    for flow, true, scale in levels:
        off = (scale * flow - F.avg_pool2d(true, scale)).abs()
        error = error + FLOW_WEIGHT / len(levels) * (F.avg_pool2d(known, scale) * off).mean()
    return error


def against_blending(network: amt.AMT, clips: int) -> dict[str, float]:
    """The odd frames of held-out clips that move, by the network and as the mean of their neighbours."""
    found, blended = [], []
    for i in range(clips):
        clip = draw_clip(held_out(i))
        if np.linalg.norm(clip.flow(7, 8)[0], axis=-1).mean() < MOVING_PX:
            continue
        compared = kept_and_compared(len(clip.frames)).compared[::3]
        frames = torch.from_numpy(clip.frames)
        pairs = torch.stack([frames[list(pair)] for _, pair in compared])
        true = frames[[dropped for dropped, _ in compared]].permute(0, 3, 1, 2) / 255
        found.append(_psnr_db(interpolate(network, pairs), true))
        blended.append(_psnr_db(pairs.permute(0, 1, 4, 2, 3).float().mean(1) / 255, true))
    by_network, by_blending = torch.cat(found), torch.cat(blended)
    return {
        "psnr_db": float(by_network.mean()),
        "psnr_blend_db": float(by_blending.mean()),
        "better_than_blend": float((by_network > by_blending).float().mean()),
    }


def _psnr_db(found: Tensor, true: Tensor) -> Tensor:
    """Of each picture [N, 3, H, W] in 0..1."""
    return -10 * (found - true).square().mean((1, 2, 3)).clamp_min(1e-10).log10()
