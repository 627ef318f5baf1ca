"""RAFT-tiny: the optical flow of dynamic degree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.metrics import dynamic_degree as rule
from i2vbench.metrics.flow import strongest_mean
from i2vbench.metrics.networks import raft
from i2vbench.tiny.motion import Pool, disturbed, matching_loss, recoloured
from i2vbench.tiny.recipe import Curve, Recipe

CLIPS = 600
BATCH = 6
ITERATIONS, COARSE_ITERATIONS = 6, 4
MATCHING, COARSE = 0.25, 0.85
"""Shares of the steps until when only the correlated features learn, to find a point again, without which 250 steps
learned nothing; and until when there are fewer iterations and flows are only enlarged, which takes half the time."""

MATCHING_WEIGHT = 0.2
"""Of finding a point again, after that: else the features forget it while the flow is still poor."""

MOST_PX = 24
"""Longer flows are left out, as a published training leaves out those above 400."""

DECAY = 0.8
"""Weight of an iteration's error against the next one's (RAFT, equation 7)."""

RATE = 1e-3
SCORED = 40
"""Held-out clips, 15 pairs of each for the rule; of the first half, one pair of each gap for the error."""

GAPS = (0, 1, 1, 1, 2, 3)
"""In frames; 0 are pairs of one frame, which differ in noise and perhaps in where they are seen from."""


class RaftTiny(Recipe):
    """torchvision's RAFT, small, on exact flow."""

    name = "raft"
    checkpoint = "tiny_raft"
    title = "RAFT, the basic model, with channels of a quarter to a third"
    data = f"{CLIPS} clips of the synthetic world, seen through moving windows of 128 x 128, with their exact flow."
    method = (
        f"The sequence loss over {ITERATIONS} iterations (20 in use), as published; AdamW with one cycle of the rate, "
        f"batches of {BATCH}. Published: 200,000 steps with FlyingChairs and FlyingThings3D."
    )
    scores = MappingProxyType(
        {
            "epe_px": "End-point error where points stay seen, frames 1 to 3 apart, pixels",
            "epe_zero_px": "the same of no flow at all",
            "epe_block_px": "the same of a block match, 8 x 8 within 24 pixels",
            "moving_told": "Share of the moving clips that dynamic degree calls so (truth: its rule on the exact flow)",
            "still_told": "Share of the still clips that it calls so",
        }
    )
    steps = 6000
    cpu_minutes = 32.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        random = np.random.default_rng(self.seed)
        pool = Pool(CLIPS)
        sizes = raft.Sizes(**weights.entry(self.checkpoint).sizes)
        network = raft.torchvisions(sizes, nn.InstanceNorm2d, nn.BatchNorm2d).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-5)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, self.steps + 1, pct_start=0.05, anneal_strategy="linear"
        )
        mask_predictor = network.mask_predictor
        features: list[Tensor] = []
        network.feature_encoder.register_forward_hook(lambda *call: features.append(call[-1]))
        losses: list[tuple[float, float]] = []
        for step in range(1, self.steps + 1):
            look = pool.look(random, BATCH, (1,), GAPS)
            first, second = (2 * disturbed(recoloured(look.frames, random), random) - 1).unbind(1)
            flow = look.flows[:, 0]
            known = look.known & (flow.norm(dim=1, keepdim=True) < MOST_PX)
            network.mask_predictor = mask_predictor if step / self.steps > COARSE else None
            epe_px = np.nan
            if step / self.steps <= MATCHING:
                here, there = network.feature_encoder(torch.cat((first, second))).chunk(2)
                loss = matching_loss(here, there, flow, known, between=True)
            else:
                iterations = ITERATIONS if network.mask_predictor else COARSE_ITERATIONS
                found = network(first, second, num_flow_updates=iterations)
                here, there = features.pop().chunk(2)
                matching = matching_loss(here, there, flow, known, between=True)
                loss = sequence_loss(found, flow, known) + MATCHING_WEIGHT * matching
                epe_px = _error(found[-1].detach(), flow, known[:, 0])
            features.clear()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append((loss.item(), epe_px))
            if step % max(1, self.steps // 50) == 0:
                mean_loss, mean_epe_px = np.mean(losses, axis=0)
                log.row(step, loss=mean_loss, epe_px=mean_epe_px)
                losses.clear()
        return {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network = raft.load(state, raft.Sizes(**weights.entry(self.checkpoint).sizes))
        return {**flow_errors(network, SCORED // 2), **rule_agreement(network, SCORED)}


def sequence_loss(found: Sequence[Tensor], flow: Tensor, known: Tensor) -> Tensor:
    """RAFT's, equation 7: of all iterations, the later ones more."""
    errors = torch.stack([(known * (one - flow).abs()).mean() for one in found])
    return (DECAY ** torch.arange(len(found) - 1, -1, -1) * errors).sum()


def flow_errors(network: raft.RAFT, clips: int) -> dict[str, float]:
    """Mean end-point errors over pairs of the first held-out clips, in pixels."""
    errors: dict[str, list[float]] = {"epe_px": [], "epe_zero_px": [], "epe_block_px": []}
    for i in range(clips):
        clip = draw_clip(held_out(i))
        pairs = [(5, 5 + gap) for gap in sorted(set(GAPS) - {0})]
        frames = torch.from_numpy(clip.frames)
        flows = network(raft.preprocess(frames), pairs).up
        for (first, second), flow in zip(pairs, flows, strict=True):
            true, seen = (torch.from_numpy(x) for x in clip.flow(first, second))
            true = true.permute(2, 0, 1)
            matched = _block_match(*frames[[first, second]].permute(0, 3, 1, 2).float())
            for of_one, one in zip(errors.values(), (flow, torch.zeros_like(flow), matched), strict=True):
                of_one.append(_error(one[None], true[None], seen[None]))
    return {name: float(np.mean(of_one)) for name, of_one in errors.items()}


def rule_agreement(network: raft.RAFT, clips: int) -> dict[str, float]:
    """How often dynamic degree's rule says the same of a clip by the network's flow and by the exact one."""
    told: dict[bool, list[bool]] = {True: [], False: []}
    for i in range(clips):
        clip = draw_clip(held_out(i))
        pairs = [(t, t + 1) for t in range(len(clip.frames) - 1)]
        exact = torch.from_numpy(np.stack([clip.flow(*pair)[0] for pair in pairs])).permute(0, 3, 1, 2)
        found = network(raft.preprocess(torch.from_numpy(clip.frames)), pairs).up
        threshold, needed = rule.threshold_px(*clip.frames.shape[1:3]), rule.pairs_needed(len(clip.frames))
        truth, said = (
            rule.is_dynamic(strongest_mean(flow, rule.SHARE).tolist(), threshold, needed) for flow in (exact, found)
        )
        told[truth].append(said == truth)
    return {"moving_told": float(np.mean(told[True])), "still_told": float(np.mean(told[False]))}


def _error(flow: Tensor, true: Tensor, where: Tensor) -> float:
    """Mean length of the difference [N, 2, H, W] over some pixels, bool [N, H, W]."""
    return float((flow - true).norm(dim=1)[where].mean())


def _block_match(first: Tensor, second: Tensor, reach: int = 12, block: int = 4) -> Tensor:
    """The shift of each block of a frame [3, H, W] that differs least from another: [2, H, W], all at half the size."""
    first, second = (F.avg_pool2d(frame, 2) for frame in (first, second))
    height, width = first.shape[1:]
    around = F.pad(second[None], [reach] * 4, mode="replicate")[0]
    steps = range(-reach, reach + 1)
    # The shorter ones first: of equals the first one counts.
    shifts = sorted(((x, y) for x in steps for y in steps), key=lambda shift: shift[0] ** 2 + shift[1] ** 2)
    shifted = (around[:, reach + y : reach + y + height, reach + x : reach + x + width] for x, y in shifts)
    costs = torch.stack([F.avg_pool2d((other - first).abs().mean(0, keepdim=True), block)[0] for other in shifted])
    best = 2 * torch.tensor(shifts, dtype=torch.float32)[costs.argmin(0)]  # [H / 8, W / 8, 2]
    return best.permute(2, 0, 1).repeat_interleave(2 * block, 1).repeat_interleave(2 * block, 2)
