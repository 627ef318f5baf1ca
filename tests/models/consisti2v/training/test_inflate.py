"""Inflation: with the gates at 1 the video U-Net gives each frame what the image U-Net gives it, weight for weight."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.training.inflate import find_base, inflate
from tests.models.consisti2v.training.base import save_tiny_base, tiny_unet

FRAMES = 4


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    tiny_unet().save_pretrained(folder / "unet")
    return folder


def both(base: Path, video: Tensor, mode: str, **overrides: object) -> tuple[Tensor, Tensor]:
    """(video U-Net's, image U-Net's) prediction for the same frames of a clip [b, 4, f, h, w] at two timesteps."""
    made = inflate(base, first_frame_condition_mode=mode, n_frames=FRAMES, n_temp_heads=4, **overrides)
    image_unet = UNet2DConditionModel.from_pretrained(base / "unet")
    noise = torch.Generator().manual_seed(3)
    text, timesteps = torch.randn(2, 16, 32, generator=noise), torch.tensor([7, 800])
    with torch.no_grad():
        first, sample = (None, video) if mode == "none" else (video[:, :, :1], video[:, :, 1:])
        ours = made.unet(sample, timesteps, text, first_frame_latents=first, frame_stride=torch.tensor([1, 5])).sample
        frames = [image_unet(frame, timesteps, text).sample for frame in video.unbind(2)]
    return ours, torch.stack(frames, dim=2)[:, :, 0 if mode == "none" else 1 :]


@pytest.mark.parametrize("mode", ["none", "input_only"])
def test_each_frame_gets_what_the_image_unet_gives_it(base: Path, mode: str) -> None:
    video = torch.randn(2, 4, FRAMES, 8, 8, generator=torch.Generator().manual_seed(2))
    ours, theirs = both(base, video, mode)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert theirs.std() > 0.01
    assert (theirs[:, :, 0] - theirs[:, :, 1]).abs().max() > 0.01  # frames differ, so each was given its own


def test_a_first_frame_in_the_spatial_layers_adds_nothing_to_a_still_clip(base: Path) -> None:
    # Keys and values that stand there twice leave an average as it is.
    still = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(2)).repeat(1, 1, FRAMES, 1, 1)
    ours, theirs = both(base, still, "concat")
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    moving = still.clone()
    moving[:, :, 1:] += 1
    ours, theirs = both(base, moving, "concat")
    assert (ours - theirs).abs().max() > 1e-3


def test_an_open_gate_lets_the_temporal_layers_in(base: Path) -> None:
    video = torch.randn(2, 4, FRAMES, 8, 8, generator=torch.Generator().manual_seed(2))
    made = inflate(base, first_frame_condition_mode="none", n_frames=FRAMES, n_temp_heads=4)
    text, stride = torch.randn(2, 16, 32, generator=torch.Generator().manual_seed(3)), torch.tensor([1, 5])
    outputs = []
    for gate in (1.0, 0.5):
        for name, value in made.unet.named_parameters():
            if name.endswith(".alpha"):
                value.data.fill_(gate)
        with torch.no_grad():
            outputs.append(made.unet(video, 7, text, frame_stride=stride).sample)
    assert (outputs[0] - outputs[1]).abs().max() > 1e-3


def test_every_weight_is_accounted_for(base: Path) -> None:
    made = inflate(base, n_frames=FRAMES, n_temp_heads=4)
    image = load_file(base / "unet" / "diffusion_pytorch_model.safetensors")
    ours = made.unet.state_dict()
    assert all(torch.equal(ours[key], value) for key, value in image.items())
    assert made.taken_over == sum(value.numel() for value in image.values())
    assert made.new == sum(value.numel() for key, value in ours.items() if key not in image)
    assert all(value == 1 for key, value in ours.items() if key.endswith(".alpha"))
    assert not made.unet.frame_stride_embedding.linear_2.weight.any()


def test_the_seed_decides_the_temporal_weights_and_nothing_else_does(base: Path) -> None:
    key = "down_blocks.0.conv3ds.0.conv1.weight"
    first, again, other = (inflate(base, seed, n_temp_heads=4).unet.state_dict()[key] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def copy_with(base: Path, folder: Path, **changes: object) -> dict[str, Tensor]:
    """Write the base's U-Net configuration with changes to a folder; returns the weights, to be saved by the caller."""
    (folder / "unet").mkdir(parents=True)
    config = json.loads((base / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, **changes}))
    return load_file(base / "unet" / "diffusion_pytorch_model.safetensors")


def save_weights(folder: Path, state: dict[str, Tensor]) -> Path:
    save_file(state, folder / "unet" / "diffusion_pytorch_model.safetensors")
    return folder


def test_weights_that_are_missing_or_left_over_are_named(base: Path, tmp_path: Path) -> None:
    state = copy_with(base, tmp_path / "a")
    state["down_blocks.0.extra.weight"] = state.pop("mid_block.resnets.1.conv1.bias")
    with pytest.raises(UserError) as refusal:
        inflate(save_weights(tmp_path / "a", state), n_temp_heads=4)
    assert "1 missing: mid_block.resnets.1.conv1.bias" in str(refusal.value)
    assert "1 left over: down_blocks.0.extra.weight" in str(refusal.value)


def test_weights_of_another_shape_are_named(base: Path, tmp_path: Path) -> None:
    state = copy_with(base, tmp_path / "a")
    state["conv_in.weight"] = torch.zeros(32, 9, 3, 3)
    with pytest.raises(UserError, match=r"conv_in.weight \(\[32, 9, 3, 3\] instead of \[32, 4, 3, 3\]\)"):
        inflate(save_weights(tmp_path / "a", state), n_temp_heads=4)


def test_a_video_unet_is_not_inflated_again(base: Path, tmp_path: Path) -> None:
    state = copy_with(base, tmp_path / "a") | {"down_blocks.0.conv3ds.0.alpha": torch.ones(1)}
    with pytest.raises(UserError, match="holds a video U-Net already"):
        inflate(save_weights(tmp_path / "a", state), n_temp_heads=4)


@pytest.mark.parametrize(
    "change",
    [{"use_linear_projection": False}, {"class_embed_type": "timestep"}, {"resnet_time_scale_shift": "scale_shift"}],
)
def test_an_image_unet_of_another_kind_is_refused(base: Path, tmp_path: Path, change: dict[str, object]) -> None:
    save_weights(tmp_path / "a", copy_with(base, tmp_path / "a", **change))
    with pytest.raises(UserError, match=f"cannot be inflated: .*{next(iter(change))}"):
        inflate(tmp_path / "a", n_temp_heads=4)


def test_what_an_old_configuration_leaves_out_is_diffusers_default(base: Path, tmp_path: Path) -> None:
    state = copy_with(base, tmp_path / "a")
    file = tmp_path / "a" / "unet" / "config.json"
    config = json.loads(file.read_text())
    needed = ("block_out_channels", "cross_attention_dim", "attention_head_dim", "use_linear_projection", "sample_size")
    file.write_text(json.dumps({key: config[key] for key in needed}))
    made = inflate(save_weights(tmp_path / "a", state), n_temp_heads=4)
    assert made.unet.config.block_out_channels == [32, 64, 96, 96]


class TestFindBase:
    def test_a_folder_is_taken(self, tmp_path: Path) -> None:
        folder = save_tiny_base(tmp_path / "base")
        assert find_base(str(folder)) == folder

    def test_a_base_that_is_not_here_says_what_to_fetch(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        for where in ("stabilityai/stable-diffusion-2-1-base", str(tmp_path / "nowhere")):
            with pytest.raises(UserError) as refusal:
                find_base(where)
            text = str(refusal.value)
            assert "\n" not in text
            for fact in ("stabilityai/stable-diffusion-2-1-base", "5.2 GB", "CreativeML Open RAIL++-M", "hf download"):
                assert fact in text

    def test_a_folder_that_lacks_a_part_says_which(self, tmp_path: Path) -> None:
        folder = save_tiny_base(tmp_path / "base")
        (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
        (folder / "tokenizer" / "vocab.json").unlink()
        with pytest.raises(UserError, match="lacks vae/diffusion_pytorch_model.safetensors, tokenizer/vocab.json"):
            find_base(str(folder))
