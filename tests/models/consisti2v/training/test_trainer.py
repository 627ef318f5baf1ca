"""What the trainer does to the weights, against the same two steps written out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from safetensors.torch import load_file
from torch import Tensor

from i2vbench.models.consisti2v import ConsistI2VPipeline
from i2vbench.models.consisti2v.training.clips import open_clips
from i2vbench.models.consisti2v.training.config import TrainConfig, load_config
from i2vbench.models.consisti2v.training.data import TrainingData, collate
from i2vbench.models.consisti2v.training.networks import load_networks
from i2vbench.models.consisti2v.training.objective import Draws, Objective, drop_texts, training_step
from i2vbench.models.consisti2v.training.start import train
from i2vbench.models.consisti2v.training.validation import Validation
from i2vbench.progress import Quiet
from i2vbench.registry import open_dataset
from tests.conftest import make_dataset
from tests.models.consisti2v.training.base import save_tiny_base, write_config

# Nothing at its default, so that a setting that goes nowhere shows. The large epsilon lets the gradient's size show,
# which AdamW's first step would else divide out.
SETTINGS = {
    "steps": 2, "seed": 4, "batch_size": 2, "per_device_batch": 1, "prediction_type": "v_prediction",
    "noise_method": "pyoco_progressive", "noise_alpha": 0.6, "text_dropout": 0.5, "image_dropout": 0.5,
    "learning_rate": 0.01, "adam_beta1": 0.7, "adam_beta2": 0.9, "adam_epsilon": 0.001, "weight_decay": 0.02,
    "ema_decay": 0.15, "validate_every": 2, "strides": [1, 4],
}  # fmt: skip

CLIPS = (0.2, 1000.0)
"""Below and above any gradient's norm."""


def by_hand(config: TrainConfig, base: Path, data: str, clip: float) -> list[dict[str, Tensor]]:
    """The U-Net's weights after each step of `config`, one device batch of one clip after the other."""
    pipeline, _ = load_networks(base, config)
    unet = pipeline.unet
    parameters = [p for p in unet.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.01, betas=(0.7, 0.9), eps=0.001, weight_decay=0.02)
    objective = Objective(
        prediction_type="v_prediction", noise_method="pyoco_progressive", noise_alpha=0.6, text_dropout=0.5,
        image_dropout=0.5,
    )  # fmt: skip
    clips = TrainingData(open_clips(data, open_dataset), config)
    strides, texts_seen, images_dropped, weights = set(), set(), set(), []
    for step in range(2):
        for micro_step in range(2):
            batch = collate([clips[2 * step + micro_step]])
            assert batch.pixel_values is not None
            draws = Draws.for_step(4, step, micro_step, 0)
            texts = drop_texts(batch.texts, 0.5, draws)
            made = training_step(
                unet, pipeline.vae, pipeline.scheduler, objective, draws, pixel_values=batch.pixel_values,
                text_embeddings=pipeline.encode_prompt(texts), frame_stride=batch.strides,
            )  # fmt: skip
            (made.loss / 2).backward()  # type: ignore[no-untyped-call]
            strides.add(int(batch.strides))
            texts_seen.add(bool(texts[0]))
            images_dropped.add(made.image_dropped[0])
        norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
        assert (norm > clip) == (clip == CLIPS[0]), "there is something to clip, or nothing"
        optimizer.step()
        optimizer.zero_grad()
        gates = [value for name, value in unet.named_parameters() if name.endswith(".alpha")]
        assert any(gate > 1 for gate in gates), "there is something to clamp"
        unet.clamp_gates()
        weights.append({name: value.clone() for name, value in unet.state_dict().items()})
    assert len(strides) > 1
    assert texts_seen == images_dropped == {True, False}, "both ways are taken"
    return weights


@pytest.mark.parametrize("clip", CLIPS)
def test_its_steps_are_those_written_out_by_hand(clip: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(True)
    make_dataset(tmp_path / "data", num_clips=3, num_images=0)
    base, data = save_tiny_base(tmp_path / "base"), f"folder:{tmp_path / 'data'}"
    config = load_config(write_config(tmp_path / "train.toml", base, max_grad_norm=clip, **SETTINGS))
    validated: dict[str, Tensor] = {}

    def make(_: Validation, pipeline: ConsistI2VPipeline, step: int, log: object) -> None:
        validated.update({name: value.clone() for name, value in pipeline.unet.state_dict().items()})

    monkeypatch.setattr(Validation, "make", make)
    train(config, data, open_dataset, tmp_path / "out", Quiet())
    AcceleratorState._reset_state(True)
    PartialState._reset_state()
    last = load_file(tmp_path / "out" / "unet-last-step" / "diffusion_pytorch_model.safetensors")
    averaged = load_file(tmp_path / "out" / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors")
    first, second = by_hand(config, base, data, clip)
    begun = load_networks(base, config)[0].unet.state_dict()
    assert max((second[name] - begun[name]).abs().max() for name in second) > 1e-3
    for name, value in second.items():
        torch.testing.assert_close(last[name], value, atol=1e-6, rtol=0, msg=lambda text, name=name: f"{name}: {text}")
        average = 0.15 * first[name] + 0.85 * value  # the first step's decay is 0, the second's the one asked for
        torch.testing.assert_close(averaged[name], average, atol=1e-6, rtol=0)
    assert all(torch.equal(validated[name], averaged[name]) for name in averaged), "videos are the average's"
