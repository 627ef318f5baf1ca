"""ConsistI2V-tiny: the paper's U-Net and two of its ablations, trained on the synthetic world.

One stage for all three at half the size, in which steps take turns: with all of the paper's mechanisms, without
temporal conditioning, and without spatial conditioning besides, which leaves the first frame in the input alone. Then
each by itself at the full size. The mechanisms have no weights of their own, so one set serves all three at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from i2vbench import weights
from i2vbench.datasets.synthetic import held_out
from i2vbench.models.consisti2v.components import ddim_scheduler
from i2vbench.models.consisti2v.spatial import SpatialSelfAttention
from i2vbench.models.consisti2v.temporal import Gate, TemporalConvolution, TemporalSelfAttention, TemporalTransformer
from i2vbench.models.consisti2v.tiny import FULL, NO_CONDITIONING, NO_TEMPORAL, UNETS, VAE
from i2vbench.models.consisti2v.tiny.networks import (
    NUM_FRAMES,
    PREDICTION,
    filled_unet,
    load_unet,
    load_vae,
    unet_config,
)
from i2vbench.models.consisti2v.tiny.text import read_text_encoder
from i2vbench.models.consisti2v.training.objective import Draws, Objective, drop_texts, training_step
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.tiny.latents import Kept, LatentClips, encode_clips
from i2vbench.tiny.recipe import Curve, Recipe
from i2vbench.tiny.video_scores import denoising_scores, sample_scores

HELD_OUT = 32


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stretch of the training shows the U-Net.

    Attributes:
        side_px: Height and width of the clips.
        clips: How many different ones.
        batch: How many at once.
        num_frames: Of each; they may lie farther apart than the clip's own, and the stride says so.
        learning_rate: The most; it rises for a tenth of the steps and then falls to nothing.
        share: Of all steps.
    """

    side_px: int
    clips: int
    batch: int
    num_frames: int
    learning_rate: float
    share: int


SHARED = (
    Stage(side_px=64, clips=2500, batch=8, num_frames=8, learning_rate=3e-3, share=42),
    Stage(side_px=64, clips=2500, batch=4, num_frames=NUM_FRAMES, learning_rate=1.5e-3, share=9),
)
"""Of the three U-Nets as one."""

OWN = (Stage(side_px=128, clips=1200, batch=2, num_frames=NUM_FRAMES, learning_rate=1e-3, share=15),)
"""Of each by itself."""


class ConsistI2VTiny(Recipe):
    name = "consisti2v"
    checkpoint = FULL
    title = "ConsistI2V's U-Net with all of the paper's mechanisms, of 0.5 million parameters instead of 1,240"
    data = (
        f"{SHARED[0].clips} clips of the synthetic world at 64 x 64 and {OWN[0].clips} at 128 x 128, {NUM_FRAMES} "
        "frames at 24 / v a second, v from 1 to 5; of shorter ones frames are left out, up to a stride of 10."
    )
    method = (
        "The published objective, of velocities instead of noise, on the bundled VAE's latents under texts by the "
        "bundled CLIP. First all three U-Nets as one, in turns, on 8 and then on 16 frames of 64 x 64; then each by "
        "itself on 16 frames of 128 x 128. Gates begin at 0.5 and the layers behind them at zero, as there is no time "
        "to wait for gates that begin at 1. Steps and minutes are those of all three."
    )
    scores = MappingProxyType(
        {
            "loss": "squared error of velocities at random noise levels, on held-out clips; of zero it is about 1",
            "error": "squared error of latents as they are seen through almost pure noise (step 800)",
            "error_still": "the same of the first frame held, the simplest rival",
            "motion": "correlation of pixels' changes since the first frame with the true ones, over samples; held: 0",
            "dynamics": "changes from frame to frame in samples, as a share of the true ones; held: 0",
            "psnr": "dB, of samples against the true clips",
            "psnr_still": "the same of the VAE's first frame held",
        }
    )
    steps = 9600
    cpu_minutes = 80.0
    extras = (NO_TEMPORAL, NO_CONDITIONING)

    def train(self, log: Curve) -> dict[str, Tensor]:
        autoencoder, text = load_vae(weights.read(VAE)), read_text_encoder()
        small, large = (
            encode_clips(range(stage.clips), autoencoder, *text, side_px=stage.side_px) for stage in (SHARED[0], OWN[0])
        )
        first, own = ([self._steps(stage) for stage in stages] for stages in (SHARED, OWN))
        shared = train_shared(small, self.seed, first, _Rows(log, 0, 0))
        self._made: dict[str, dict[str, Tensor]] = {}
        for number, name in enumerate(UNETS):
            rows = _Rows(log, number + 1, sum(first) + number * sum(own))
            self._made[name] = train_own(name, shared, large, self.seed, own, rows)
        return self._made[FULL]

    def extra(self, name: str) -> dict[str, Tensor]:
        return self._made[name]

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        return self.score_extra(FULL, state)

    def score_extra(self, name: str, state: Mapping[str, Tensor]) -> dict[str, float]:
        unet, autoencoder, text = load_unet(name, state), load_vae(weights.read(VAE)), read_text_encoder()
        clips = encode_clips(range(held_out(0), held_out(HELD_OUT)), autoencoder, *text)
        return {
            **denoising_scores(unet, clips, _objective(), self.seed),
            **sample_scores(unet, autoencoder, *text),
        }

    def _steps(self, stage: Stage) -> int:
        shares = sum(one.share for one in SHARED) + len(UNETS) * sum(one.share for one in OWN)
        return max(1, self.steps * stage.share // shares)


def train_shared(clips: LatentClips, seed: int, steps: Sequence[int], rows: _Rows) -> dict[str, Tensor]:
    """The stages of all three U-Nets: weights that know what to make of the first frame under each mechanism."""
    torch.manual_seed(seed)
    unet: ConsistI2VUNet = ConsistI2VUNet.from_config(unet_config(FULL))
    _open_gates(unet)
    return _train(unet, clips, SHARED, seed, steps, rows, UNETS)


def train_own(
    name: str, shared: Mapping[str, Tensor], clips: LatentClips, seed: int, steps: Sequence[int], rows: _Rows
) -> dict[str, Tensor]:
    """The stages of one U-Net by itself; all three see the same clips, noise and steps."""
    return _train(filled_unet(name, shared), clips, OWN, seed + len(SHARED), steps, rows, (name,))


class _Rows:
    """The rows of one stage in the recipe's curve.

    Args:
        log: The curve.
        stage: 0 for the shared one, then the U-Nets in order.
        done: Steps of the stages before.
    """

    def __init__(self, log: Curve, stage: int, done: int) -> None:
        self._log, self._stage, self._done = log, stage, done
        self._losses: list[float] = []

    def add(self, loss: float, write: bool) -> None:
        """The loss of a step, and every so often a row with the mean since the last one."""
        self._losses.append(loss)
        self._done += 1
        if write:
            self._log.row(self._done, stage=self._stage, loss=sum(self._losses) / len(self._losses))
            self._losses.clear()


@torch.no_grad()
def _open_gates(unet: ConsistI2VUNet) -> None:
    """Let it learn time from the first step on, when the temporal layers do nothing yet."""
    for module in unet.modules():
        if isinstance(module, Gate):
            module.alpha.fill_(0.5)
        last = {TemporalConvolution: "conv2", TemporalTransformer: "proj_out"}.get(type(module))
        if last:
            for parameter in getattr(module, last).parameters():
                parameter.zero_()


def _condition_as(unet: ConsistI2VUNet, name: str) -> None:
    """Show it the first frame as the U-Net of that name is shown it."""
    sizes = unet_config(name)
    for module in unet.modules():
        if isinstance(module, TemporalSelfAttention):
            module.window = 3 if sizes.get("augment_temporal_attention", True) else 1
        if isinstance(module, SpatialSelfAttention):
            module.first_frame = sizes.get("first_frame_condition_mode", "concat") == "concat"


def _objective(text_dropout: float = 0.0) -> Objective:
    """With the published code's noise, which sampling begins from."""
    return Objective(prediction_type=PREDICTION, noise_alpha=1.0, text_dropout=text_dropout)


def _train(
    unet: ConsistI2VUNet,
    clips: LatentClips,
    stages: Sequence[Stage],
    seed: int,
    steps: Sequence[int],
    rows: _Rows,
    turns: Sequence[str],
) -> dict[str, Tensor]:
    """Train a U-Net and return what of it is used.

    Args:
        unet: It learns from where it is.
        clips: What it learns from.
        stages: What it is shown of them.
        seed: Of the first stage's random numbers, which come from the CPU; each further stage has the next one.
        steps: Of the optimizer, in each stage.
        rows: Told every loss.
        turns: The U-Nets that it is in turns.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unet.to(device).train()
    for number, (stage, count) in enumerate(zip(stages, steps, strict=True)):
        _train_stage(unet, clips, stage, seed + number, count, rows, turns)
    return {name: value.detach().cpu().clone() for name, value in unet.named_parameters() if value.requires_grad}


def _train_stage(
    unet: ConsistI2VUNet, clips: LatentClips, stage: Stage, seed: int, steps: int, rows: _Rows, turns: Sequence[str]
) -> None:
    device = unet.device
    objective, scheduler, kept = _objective(text_dropout=0.1), ddim_scheduler(PREDICTION), Kept()
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=stage.learning_rate, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, stage.learning_rate, total_steps=steps + 1, pct_start=0.1, cycle_momentum=False
    )
    for step in range(1, steps + 1):
        _condition_as(unet, turns[step % len(turns)])
        draws, order = Draws.for_step(seed, step, 0, 0), torch.Generator().manual_seed(seed * 1_000_003 + step)
        moments, captions, strides = _batch(clips, stage, order)
        made = training_step(
            unet,
            kept,
            scheduler,
            objective,
            draws,
            pixel_values=moments.to(device),
            text_embeddings=clips.embed(drop_texts(captions, objective.text_dropout, draws)).to(device),
            frame_stride=strides.to(device),
        )
        optimizer.zero_grad()
        made.loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        unet.clamp_gates()
        rows.add(made.loss.item(), write=step % max(1, steps // 15) == 0 or step == steps)


def _batch(clips: LatentClips, stage: Stage, order: torch.Generator) -> tuple[Tensor, list[str], Tensor]:
    """Moments [b, T, 2 z, h, w], captions and strides [b] of clips that begin anywhere, every k-th frame of them."""
    chosen = torch.randint(len(clips.moments), (stage.batch,), generator=order)
    steps = stage.num_frames - 1
    apart = int(torch.randint(1, (NUM_FRAMES - 1) // steps + 1, (), generator=order))
    begin = int(torch.randint(NUM_FRAMES - apart * steps, (), generator=order))
    moments = clips.moments[chosen][:, begin : begin + apart * steps + 1 : apart]
    return moments, [clips.captions[index] for index in chosen.tolist()], clips.strides[chosen] * apart
