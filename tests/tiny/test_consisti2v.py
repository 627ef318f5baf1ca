"""ConsistI2V-tiny: its recipe, its scores, and the folder that the model reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from i2vbench import weights
from i2vbench.errors import UserError
from i2vbench.metrics.networks.clip import Sizes
from i2vbench.models.consisti2v.adapter import ConsistI2V
from i2vbench.models.consisti2v.sampling import VARIANTS
from i2vbench.models.consisti2v.temporal import TemporalTransformer
from i2vbench.models.consisti2v.tiny import FULL, UNETS, VAE, text
from i2vbench.models.consisti2v.tiny import folder as tiny_folder
from i2vbench.models.consisti2v.tiny.networks import load_unet, load_vae, unet_config
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.progress import Quiet
from i2vbench.tiny import consisti2v, latents, video_scores
from i2vbench.tiny.recipe import Curve
from i2vbench.types import Request

VOCABULARY = 600
OF_VARIANT = {"": 0, "no-frameinit": 0, "no-frameinit-no-temporal": 1, "no-frameinit-no-temporal-no-spatial": 2}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def text_encoder(_: str = "") -> tuple[CLIPTextModel, CLIPTokenizer]:
    """With random weights: what is tested here does not depend on what CLIP has learnt."""
    torch.manual_seed(0)
    sizes = Sizes(text_width=64, text_layers=1, text_heads=2, vocabulary=VOCABULARY)
    config = CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=sizes.context_length,
        eos_token_id=VOCABULARY - 1,
        bos_token_id=VOCABULARY - 2,
    )
    return CLIPTextModel(config).eval().requires_grad_(False), text.text_tokenizer(sizes)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consisti2v, "read_text_encoder", text_encoder)
    monkeypatch.setattr(text, "read_text_encoder", text_encoder)
    monkeypatch.setattr(consisti2v, "SHARED", tuple(replace(stage, clips=2, batch=1) for stage in consisti2v.SHARED))
    monkeypatch.setattr(consisti2v, "OWN", tuple(replace(stage, clips=2, batch=1) for stage in consisti2v.OWN))
    monkeypatch.setattr(consisti2v, "HELD_OUT", 1)
    monkeypatch.setattr(video_scores, "SAMPLES", 1)
    monkeypatch.setattr(video_scores, "STEPS", 2)


def trained(folder: Path) -> tuple[consisti2v.ConsistI2VTiny, dict[str, Tensor]]:
    """After some steps of all networks together and a step of each stage of each."""
    recipe = consisti2v.ConsistI2VTiny()
    recipe.steps = 10
    with Curve(folder / "curve.csv", Quiet(), recipe.name, recipe.steps) as curve:
        return recipe, recipe.train(curve)


def test_the_recipe_gives_three_networks_and_the_same_tensors_twice(tmp_path: Path) -> None:
    recipe, state = trained(tmp_path)
    again = trained(tmp_path)[1]
    assert all(torch.equal(state[name], again[name]) for name in state)
    for name in UNETS:
        made = state if name == FULL else recipe.extra(name)
        unet = load_unet(name, {key: value.half() for key, value in made.items()})
        assert set(made) < set(unet.state_dict()), "what is stored and never used is left out"
    assert any(not torch.equal(state[name], recipe.extra(consisti2v.NO_TEMPORAL)[name]) for name in state)
    scores = recipe.score({name: tensor.half() for name, tensor in state.items()})
    assert set(scores) == set(recipe.scores)
    assert all(np.isfinite(value) for value in scores.values())


@torch.no_grad()
def test_one_network_is_each_of_the_three_in_turn() -> None:
    torch.manual_seed(0)
    shared = ConsistI2VUNet.from_config(unet_config(FULL)).eval()
    used = {key: value for key, value in shared.named_parameters() if value.requires_grad}
    clip, words = torch.randn(1, 4, 3, 16, 16), torch.randn(1, 5, 64)

    def predict(unet: ConsistI2VUNet) -> Tensor:
        made: Tensor = unet(clip[:, :, 1:], 500, words, first_frame_latents=clip[:, :, :1], frame_stride=3).sample
        return made

    consisti2v._open_gates(shared)
    for module in shared.modules():
        if isinstance(module, TemporalTransformer):
            torch.nn.init.normal_(module.proj_out.weight)  # else it says nothing yet
    seen = []
    for name in reversed(UNETS):
        consisti2v._condition_as(shared, name)
        seen.append(predict(shared))
        torch.testing.assert_close(predict(load_unet(name, used)), seen[-1])
    assert not torch.allclose(seen[0], seen[1])
    assert not torch.allclose(seen[1], seen[2])


def test_batches_are_clips_whose_stride_is_what_lies_between_frames() -> None:
    moments = torch.arange(16.0).view(1, 16, 1, 1, 1).expand(3, 16, 2, 1, 1)
    clips = latents.LatentClips(moments, ["a", "b", "c"], torch.tensor([1, 2, 3]), {})
    starts, apart = set(), set()
    for seed in range(30):
        frames, captions, strides = consisti2v._batch(
            clips, replace(consisti2v.SHARED[0], batch=2), torch.Generator().manual_seed(seed)
        )
        times = frames[0, :, 0, 0, 0]
        step = int(times[1] - times[0])
        assert torch.equal(times, times[0] + step * torch.arange(8))
        assert strides.tolist() == [step * (ord(caption) - 96) for caption in captions]
        starts.add(int(times[0]))
        apart.add(step)
    assert apart == {1, 2}
    assert len(starts) > 5
    whole, _, strides = consisti2v._batch(clips, consisti2v.OWN[0], torch.Generator().manual_seed(0))
    assert torch.equal(whole[0, :, 0, 0, 0], torch.arange(16.0))
    assert strides.max() <= 3


def test_published_temporal_convolutions_keep_their_groups() -> None:
    with torch.device("meta"):
        published, small = ConsistI2VUNet(), ConsistI2VUNet(temporal_groups=8)
    groups = [unet.down_blocks[0].conv3ds[0].norm1.num_groups for unet in (published, small)]
    assert groups == [32, 8]


def test_kept_clips_are_what_the_autoencoder_gives() -> None:
    autoencoder = load_vae(weights.read(VAE))
    clips = latents.encode_clips([7, 8], autoencoder, *text_encoder())
    drawn = latents.draw_clip(8, latents.NUM_FRAMES, latents.SOURCE_FPS / latents.STRIDES[1])
    with torch.no_grad():
        pixels = torch.from_numpy(drawn.frames).permute(0, 3, 1, 2) / 127.5 - 1
        expected = autoencoder.encode(pixels).latent_dist
    kept = latents.Kept().encode(clips.moments[1]).latent_dist
    torch.testing.assert_close(kept.mean, expected.mean, atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(kept.std, expected.std, atol=1e-2, rtol=1e-2)
    assert clips.captions[1] == drawn.caption
    assert clips.strides.tolist() == [3, 1]
    assert set(clips.texts) == {"", *clips.captions}


@pytest.mark.parametrize(
    ("made", "motion", "dynamics"),
    [
        (lambda true: true, 1, 1),
        (lambda true: np.repeat(true[:1], len(true), axis=0), 0, 0),
        (lambda true: 2 * true[:1] - true, -1, 1),  # everything changes the other way
    ],
)
def test_scores_of_samples(made: Callable[[Any], Any], motion: float, dynamics: float) -> None:
    true = np.random.default_rng(0).random((16, 8, 8, 3)).astype(np.float32)
    scores = video_scores.compare(made(true) + 1e-7, true)
    assert scores["motion"] == pytest.approx(motion, abs=1e-2)
    assert scores["dynamics"] == pytest.approx(dynamics, abs=1e-2)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random U-Nets in the place of the bundled ones."""
    read, sha256_of = weights.read, weights.sha256_of

    def random(name: str) -> dict[str, Tensor]:
        if name not in UNETS:
            return read(name)
        torch.manual_seed(UNETS.index(name))
        unet = ConsistI2VUNet.from_config(unet_config(name))
        return {key: value.detach() for key, value in unet.named_parameters() if value.requires_grad}

    monkeypatch.setattr(weights, "read", random)
    monkeypatch.setattr(weights, "sha256_of", lambda name: sha256_of(name) if name == VAE else name)
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))


def tiny_model(variant: str = "") -> ConsistI2V:
    model = ConsistI2V(variant)
    model.configure({"checkpoint": "tiny", "steps": 1, "guidance": 1.0})
    return model


@pytest.mark.usefixtures("bundled")
def test_each_variant_reads_the_network_that_was_trained_for_it() -> None:
    for variant, index in OF_VARIANT.items():
        folder = tiny_folder.checkpoint_folder(VARIANTS[variant].unet)
        assert folder.name.startswith(f"{UNETS[index]}-")
    with pytest.raises(UserError, match="first_frame_condition_mode"):
        tiny_folder.checkpoint_folder({"first_frame_condition_mode": "conv2d"})


@pytest.mark.usefixtures("bundled")
def test_the_model_makes_clips_of_the_folder(tmp_path: Path) -> None:
    model = tiny_model()
    model.load("cpu", "float32")
    assert model.pipeline is not None
    assert model.pipeline.scheduler.config.prediction_type == "v_prediction"
    assert not model.info.needs_gpu
    first = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    (video,) = model.generate([Request("a", first, "a red ball moves left", 16, 128, 128, 8.0, 0)])
    assert video.frames.shape == (16, 128, 128, 3)
    fingerprints = {tiny_model(variant).fingerprint() for variant in OF_VARIANT}
    assert len(fingerprints) == 3
    assert sorted(path.name.rpartition("-")[0] for path in (tmp_path / "tiny").iterdir()) == sorted(UNETS)


@pytest.mark.usefixtures("bundled")
def test_a_folder_is_laid_out_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str, folder: Path) -> None:
        (folder / "unet").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(tiny_folder, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tiny_folder.checkpoint_folder()
        assert list((tmp_path / "tiny").iterdir()) == []
    folder = tiny_folder.checkpoint_folder()
    monkeypatch.setattr(tiny_folder, "_write", interrupted)
    assert tiny_folder.checkpoint_folder() == folder
