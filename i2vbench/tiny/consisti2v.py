"""ConsistI2V-tiny: the paper's U-Net and two of its ablations, each trained anew on the synthetic world.

One image stage, then the same video stage three times: with all of the paper's mechanisms, without temporal
conditioning, and without spatial conditioning besides, which leaves the first frame in the input alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from i2vbench import weights
from i2vbench.datasets.synthetic import held_out
from i2vbench.models.consisti2v.checkpoint import fill
from i2vbench.models.consisti2v.components import ddim_scheduler
from i2vbench.models.consisti2v.sampling import PredictionType
from i2vbench.models.consisti2v.temporal import Gate, TemporalConvolution, TemporalTransformer
from i2vbench.models.consisti2v.training.objective import Draws, Objective, drop_texts, training_step
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.tiny import vae
from i2vbench.tiny.latents import NUM_FRAMES, Kept, LatentClips, encode_clips
from i2vbench.tiny.recipe import Curve, Recipe
from i2vbench.tiny.text import read_text_encoder
from i2vbench.tiny.video_scores import denoising_scores, sample_scores

FULL, NO_TEMPORAL, NO_CONDITIONING = "tiny_unet", "tiny_unet_no_temporal", "tiny_unet_no_conditioning"
UNETS = (FULL, NO_TEMPORAL, NO_CONDITIONING)

PREDICTION: PredictionType = "v_prediction"
CLIPS, BATCH = 2000, 4
PICTURES_AT_ONCE = BATCH * NUM_FRAMES
LEARNING_RATE = 2e-3
SHARES = (14, 17, 17, 17)
"""Of all steps: the image stage's, then each video stage's."""

HELD_OUT = 32


def unet_config(name: str) -> dict[str, Any]:
    """config.json of a U-Net, with the catalogue's sizes."""
    return {"sample_size": 16, "n_frames": NUM_FRAMES, **weights.entry(name).sizes}


def load_unet(name: str, state: Mapping[str, Tensor]) -> ConsistI2VUNet:
    """A U-Net of the catalogue with these tensors, float32, in evaluation mode.

    What the published layout stores and never uses is not in the bundled files, and zero here.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    unet: ConsistI2VUNet = ConsistI2VUNet.from_config(unet_config(name))
    unused = {key: torch.zeros_like(value) for key, value in unet.named_parameters() if not value.requires_grad}
    fill(unet, {**unused, **state}, f"ConsistI2V-tiny's U-Net {name}")
    unet.eval().requires_grad_(False)
    return unet


class ConsistI2VTiny(Recipe):
    name = "consisti2v"
    checkpoint = FULL
    title = "ConsistI2V's U-Net with all of the paper's mechanisms, of 1.1 million parameters instead of 1,240"
    data = f"{CLIPS} clips of the synthetic world, {NUM_FRAMES} frames of 128 x 128 at 24 / v a second, v from 1 to 5."
    method = (
        "The published objective, of velocities instead of noise; single frames first, then inflation, then clips of "
        "the bundled VAE's latents under texts by the bundled CLIP. Gates begin at 0.5 and the layers behind them at "
        "zero, as there is no time to wait for gates that begin at 1."
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
    steps = 6500
    cpu_minutes = 0.0
    extras = (NO_TEMPORAL, NO_CONDITIONING)

    def train(self, log: Curve) -> dict[str, Tensor]:
        autoencoder = vae.load(weights.read(vae.CHECKPOINT))
        clips = encode_clips(range(CLIPS), autoencoder, *read_text_encoder())
        stages = [self.steps * share // sum(SHARES) for share in SHARES]
        pictures = _train(_image_unet(self.seed), clips, self.seed, stages[0], _Rows(log, 0, 0), images=True)
        self._made: dict[str, dict[str, Tensor]] = {}
        for stage, name in enumerate(UNETS, start=1):
            unet, rows = _inflated(name, pictures, self.seed), _Rows(log, stage, sum(stages[:stage]))
            self._made[name] = _train(unet, clips, self.seed, stages[stage], rows)
        return self._made[FULL]

    def extra(self, name: str) -> dict[str, Tensor]:
        return self._made[name]

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        unet, autoencoder, text = load_unet(FULL, state), vae.load(weights.read(vae.CHECKPOINT)), read_text_encoder()
        clips = encode_clips(range(held_out(0), held_out(HELD_OUT)), autoencoder, *text)
        return {
            **denoising_scores(unet, clips, _objective(unet), self.seed),
            **sample_scores(unet, autoencoder, *text),
        }


class _Rows:
    """The rows of one stage in the recipe's curve.

    Args:
        log: The curve.
        stage: 0 for pictures, then the U-Nets in order.
        done: Steps of the stages before.
    """

    def __init__(self, log: Curve, stage: int, done: int) -> None:
        self._log, self._stage, self._done = log, stage, done
        self._losses: list[float] = []

    def add(self, step: int, steps: int, loss: float) -> None:
        """A row every so often, with the mean loss since the last one."""
        self._losses.append(loss)
        if step % max(1, steps // 15) == 0 or step == steps:
            self._log.row(self._done + step, stage=self._stage, loss=sum(self._losses) / len(self._losses))
            self._losses.clear()


def _image_unet(seed: int) -> ConsistI2VUNet:
    """The U-Net of the image stage: no time, no first frame, no stride."""
    torch.manual_seed(seed)
    still = {"use_temporal": False, "first_frame_condition_mode": "none", "use_frame_stride_condition": False}
    unet: ConsistI2VUNet = ConsistI2VUNet.from_config(unet_config(FULL), **still)
    return unet


@torch.no_grad()
def _inflated(name: str, pictures: Mapping[str, Tensor], seed: int) -> ConsistI2VUNet:
    """The video U-Net that gives each frame what the image U-Net gives it, and learns time from the first step on."""
    torch.manual_seed(seed)
    unet: ConsistI2VUNet = ConsistI2VUNet.from_config(unet_config(name))
    fill(unet, {**unet.state_dict(), **pictures}, name)
    for module in unet.modules():
        if isinstance(module, Gate):
            module.alpha.fill_(0.5)
        last = {TemporalConvolution: "conv2", TemporalTransformer: "proj_out"}.get(type(module))
        if last:
            for parameter in getattr(module, last).parameters():
                parameter.zero_()
    return unet


def _objective(unet: ConsistI2VUNet, text_dropout: float = 0.0) -> Objective:
    """The published code's noise, which sampling begins from; what a single frame shares with others is nothing."""
    mode = unet.config.first_frame_condition_mode
    return Objective(
        prediction_type=PREDICTION,
        noise_method="vanilla" if mode == "none" else "pyoco_mixed",
        noise_alpha=1.0,
        text_dropout=text_dropout,
        first_frame_mode=mode,
    )


def _train(
    unet: ConsistI2VUNet, clips: LatentClips, seed: int, steps: int, rows: _Rows, *, images: bool = False
) -> dict[str, Tensor]:
    """Train a U-Net and return what of it is used: on clips, or on as many single frames of them.

    Where there is a GPU it takes the steps there; random numbers come from the CPU all the same.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unet.to(device).train()
    objective, scheduler, kept = _objective(unet, text_dropout=0.1), ddim_scheduler(PREDICTION), Kept()
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.1)
    for step in range(1, steps + 1):
        draws, order = Draws.for_step(seed, step, 0, 0), torch.Generator().manual_seed(seed * 1_000_003 + step)
        chosen = torch.randint(len(clips.moments), (PICTURES_AT_ONCE if images else BATCH,), generator=order)
        moments = clips.moments[chosen]  # [b, T, 2 z, h, w]
        captions = [(clips.pictures if images else clips.captions)[index] for index in chosen.tolist()]
        if images:
            frames = torch.randint(NUM_FRAMES, (len(chosen),), generator=order)
            moments = moments[torch.arange(len(chosen)), frames][:, None]  # [b, 1, 2 z, h, w]
        texts = drop_texts(captions, objective.text_dropout, draws)
        made = training_step(
            unet,
            kept,
            scheduler,
            objective,
            draws,
            pixel_values=moments.to(device),
            text_embeddings=clips.embed(texts).to(device),
            frame_stride=None if images else clips.strides[chosen].to(device),
        )
        optimizer.zero_grad()
        made.loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        unet.clamp_gates()
        rows.add(step, steps, made.loss.item())
    return {name: value.detach().cpu() for name, value in unet.named_parameters() if value.requires_grad}
