"""Files of the published layout: what is converted, what is refused, and how it is said."""

from __future__ import annotations

import json
import pickle
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from i2vbench.checkpoints import CheckpointError, read_state
from i2vbench.errors import UserError
from i2vbench.models.consisti2v import ConsistI2VUNet
from i2vbench.models.consisti2v.checkpoint import fill, find_checkpoint
from i2vbench.models.consisti2v.components import load_components, load_frozen, load_unet
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from tests.models.consisti2v.tiny import REFERENCE
from tests.reference import recipe
from tests.reference.cases import bundled_json

CONFIG = bundled_json("consisti2v/unet_tiny_config.json")
STATE = {
    key: torch.from_numpy(value)
    for key, value in recipe.unet_state(bundled_json("consisti2v/unet_tiny_keys.json")).items()
}
GATE = "down_blocks.0.conv3ds.0.alpha"


@pytest.fixture
def unet() -> ConsistI2VUNet:
    return ConsistI2VUNet.from_config(CONFIG)


def assert_filled(unet: ConsistI2VUNet) -> None:
    assert all(torch.equal(tensor, STATE[key]) for key, tensor in unet.state_dict().items())


def test_every_form_of_the_published_file_is_read(unet: ConsistI2VUNet, tiny: Path, tmp_path: Path) -> None:
    unet.load_published(tiny / "unet")
    assert_filled(unet)
    forms: dict[str, Any] = {
        "plain.bin": STATE,
        "old.bin": OrderedDict(STATE),
        "wrapped.bin": {"state_dict": {f"module.{key}": value for key, value in STATE.items()}},
    }
    for name, form in forms.items():
        torch.save(form, tmp_path / name, _use_new_zipfile_serialization=name != "old.bin")
        unet.load_published(tmp_path / name)
        assert_filled(unet)
        torch.nn.init.zeros_(unet.conv_in.weight)


def test_tensors_that_are_not_right_are_named_each(unet: ConsistI2VUNet) -> None:
    state = {**STATE, "conv_in.extra": torch.zeros(1), "conv_out.bias": torch.zeros(7)}
    del state[GATE], state["mid_block.resnets.1.conv2.weight"]
    with pytest.raises(CheckpointError) as caught:
        unet.load_published(state)
    assert caught.value.missing == [GATE, "mid_block.resnets.1.conv2.weight"]
    assert caught.value.left_over == ["conv_in.extra"]
    assert str(caught.value) == (
        f"checkpoint of the ConsistI2V U-Net: 2 missing: {GATE}, mid_block.resnets.1.conv2.weight; "
        "1 left over: conv_in.extra; 1 of another shape: conv_out.bias ([7] instead of [4])"
    )


def test_nothing_is_taken_from_a_checkpoint_that_is_refused(unet: ConsistI2VUNet) -> None:
    before = unet.conv_in.weight.clone()
    with pytest.raises(CheckpointError):
        unet.load_published({key: value for key, value in STATE.items() if key != GATE})
    assert torch.equal(unet.conv_in.weight, before)


def test_another_models_checkpoint_is_one_line(unet: ConsistI2VUNet, tiny: Path) -> None:
    with pytest.raises(
        UserError, match="a checkpoint of another model than the ConsistI2V U-Net: it has 0 of its 1397"
    ):
        unet.load_published(tiny / "vae")
    images = {key: value for key, value in STATE.items() if "conv3ds" not in key and "tempo_attns" not in key}
    with pytest.raises(UserError, match="it has 690 of its 1397 tensors, and 0 others"):
        unet.load_published(images)


def test_pickled_objects_are_not_loaded(unet: ConsistI2VUNet, tmp_path: Path) -> None:
    (tmp_path / "evil.bin").write_bytes(pickle.dumps({"state_dict": print}))
    torch.save({"weights": STATE, "epoch": 3}, tmp_path / "odd.bin")
    (tmp_path / "half.safetensors").write_bytes(b"\x10\x00")
    for name, says in (
        ("evil.bin", "holds pickled objects, which are not loaded"),
        ("odd.bin", "expected tensors by name, got something else"),
        ("half.safetensors", "cannot be read as tensors"),
        ("absent.bin", "cannot be read as tensors"),
    ):
        with pytest.raises(UserError, match=says) as caught:
            unet.load_published(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_older_names_of_the_frozen_parts_are_known(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny, folder)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    for new, name in old.items():
        vae = {key.replace(f"attentions.0.{new}.", f"attentions.0.{name}."): value for key, value in vae.items()}
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(vae, folder / "vae" / "diffusion_pytorch_model.bin")
    text = load_file(folder / "text_encoder" / "model.safetensors")
    (folder / "text_encoder" / "model.safetensors").unlink()
    torch.save(
        text | {"text_model.embeddings.position_ids": torch.arange(16)[None]},
        folder / "text_encoder" / "pytorch_model.bin",
    )
    expected, got = load_frozen(tiny), load_frozen(folder)
    for part in ("vae", "text_encoder"):
        assert all(torch.equal(x, expected[part].state_dict()[key]) for key, x in got[part].state_dict().items())


def test_a_saved_pipeline_has_the_published_layout(pipeline: ConsistI2VPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    for part, name, keys in (
        ("unet", "diffusion_pytorch_model.safetensors", "unet_tiny_keys.json"),
        ("vae", "diffusion_pytorch_model.safetensors", "vae_tiny_keys.json"),
        ("text_encoder", "model.safetensors", "text_tiny_keys.json"),
    ):
        assert set(load_file(tmp_path / part / name)) == set(bundled_json(f"consisti2v/{keys}"))
    for name in ("vocab.json", "merges.txt"):
        ours, theirs = (
            (folder / name).read_text() for folder in (tmp_path / "tokenizer", REFERENCE / "tokenizer_tiny")
        )
        assert json.loads(ours) == json.loads(theirs) if name.endswith("json") else ours == theirs
    again = ConsistI2VPipeline.from_pretrained(tmp_path, torch_dtype=torch.float16)
    assert again.unet.dtype == again.vae.dtype == again.text_encoder.dtype == torch.float16
    assert again.scheduler.config.beta_schedule == "linear"


def test_stored_settings_give_way_to_those_passed(tiny: Path) -> None:
    assert (
        load_unet(tiny / "unet", overrides={"augment_temporal_attention": False}).config.augment_temporal_attention
        is False
    )
    with pytest.raises(UserError, match="is not of a ConsistI2V U-Net: first_frame_condition_mode 'no'"):
        load_unet(tiny / "unet", overrides={"first_frame_condition_mode": "no"})


def test_a_setting_that_the_unet_has_not_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="no setting 'n_temp_head': did you mean n_temp_heads"):
        ConsistI2VPipeline.from_pretrained(tiny, unet_config={"n_temp_head": 2})


def test_no_checkpoint_at_hand_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError) as caught:
        find_checkpoint()
    line = str(caught.value)
    assert "\n" not in line
    for part in (
        "TIGER-Lab/ConsistI2V",
        "Hugging Face hub",
        "6.7 GB",
        "MIT",
        "CreativeML Open RAIL++-M",
        "hf download",
    ):
        assert part in line


def test_a_folder_in_part_says_what_it_lacks(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    shutil.copytree(tiny, folder)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "tokenizer" / "vocab.json").unlink()
    with pytest.raises(UserError, match="vae/diffusion_pytorch_model.safetensors, tokenizer/vocab.json missing"):
        find_checkpoint(folder)
    with pytest.raises(UserError, match="is not a folder"):
        find_checkpoint(tiny / "model_index.json")


def test_fill_takes_arrays_and_counts_every_key() -> None:
    layer = torch.nn.Linear(2, 1)
    fill(layer, {"weight": torch.ones(1, 2).numpy(), "bias": torch.zeros(1).numpy()}, "a layer")
    assert layer.weight.tolist() == [[1, 1]]
    with pytest.raises(CheckpointError, match="1 left over: scale"):
        fill(layer, {**layer.state_dict(), "scale": torch.ones(1)}, "a layer")


def test_read_state_wants_a_file_of_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected one of diffusion_pytorch_model.safetensors"):
        read_state(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("tokenizer/vocab.json", "{", "tokenizer is not of CLIP's tokenizer"),
        ("tokenizer/merges.txt", None, "tokenizer/merges.txt missing"),
        ("tokenizer/tokenizer_config.json", "[]", "tokenizer is not of CLIP's tokenizer"),
        ("vae/config.json", '{"_class_name": "AutoencoderKL", "block_out_channels": 3}', "is not of a VAE"),
        ("vae/config.json", "[1]", "expected an object of settings"),
        ("model_index.json", "{", "model_index.json cannot be read as JSON"),
        ("unet/config.json", '{"n_frames": 1}', "n_frames: expected at least 2, got 1"),
        ("unet/config.json", "{}", "a checkpoint of another model than the ConsistI2V U-Net"),
    ],
)
def test_a_broken_file_of_a_folder_is_one_line(
    file: str, text: str | None, says: str, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny, folder)
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        load_components(folder)
    assert "\n" not in str(caught.value)
