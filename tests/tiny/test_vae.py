"""ConsistI2V-tiny's autoencoder: what the bundled one reaches, and its recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from i2vbench import weights
from i2vbench.models.consisti2v.tiny import VAE
from i2vbench.models.consisti2v.tiny.networks import load_vae, vae_config
from i2vbench.progress import Quiet
from i2vbench.tiny import vae
from i2vbench.tiny.recipe import Curve


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bundled() -> dict[str, Tensor]:
    return weights.read(VAE)


def test_the_bundled_one_beats_a_small_picture(bundled: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """24.2 dB on 64 held-out pictures; 21.6 of three numbers where the latents have four."""
    monkeypatch.setattr(vae, "HELD_OUT", 8)
    scores = vae.VAE().score(bundled)
    assert scores["psnr"] > scores["psnr_enlarged"] + 2


def test_its_latents_are_as_noise_is(bundled: dict[str, Tensor]) -> None:
    """Mean 0 and deviation 1 in each channel, as the scaling factor of 1 says."""
    pixels = vae._to_unit(vae._pictures(range(1_000_100, 1_000_116)))
    with torch.no_grad():
        means = load_vae(bundled).encode(pixels).latent_dist.mean
    torch.testing.assert_close(means.mean(dim=(0, 2, 3)), torch.zeros(4), atol=0.3, rtol=0)
    torch.testing.assert_close(means.std(dim=(0, 2, 3)), torch.ones(4), atol=0.3, rtol=0)


def test_normalising_changes_latents_alone() -> None:
    torch.manual_seed(0)
    made = AutoencoderKL.from_config(vae_config()).eval()
    pictures = vae._pictures(range(4))
    pixels = vae._to_unit(pictures[:, :, :64, :64])
    with torch.no_grad():
        before = made.encode(pixels).latent_dist
        picture = made.decode(before.mean).sample
        vae._normalise(made, pictures)
        after = made.encode(pixels).latent_dist
        torch.testing.assert_close(made.decode(after.mean).sample, picture, atol=1e-4, rtol=1e-4)
        whole = made.encode(vae._to_unit(pictures)).latent_dist.mean
    torch.testing.assert_close(whole.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    # The posterior's noise shrinks or grows with what it is added to.
    ratio = (after.mean[0] - after.mean[1]) / (before.mean[0] - before.mean[1])
    torch.testing.assert_close(after.std[0] / before.std[0], ratio.abs(), atol=1e-3, rtol=1e-2)


def test_latents_and_pixels_are_shifted_alike() -> None:
    """A ramp of latents, a cell each, and the ramp of pixels that it stands for."""
    latents = torch.arange(4.0).repeat(1, 1, 4, 1)  # [1, 1, 4, 4]
    pixels = (torch.arange(32.0) / 8).repeat(1, 1, 32, 1)  # a pixel is an eighth of a cell farther
    for seed in range(5):
        cells, seen = vae._shifted(latents, pixels, torch.Generator().manual_seed(seed))
        assert (cells.shape[-2:], seen.shape[-2:]) == ((3, 3), (24, 24))
        torch.testing.assert_close(cells, seen[..., ::8, ::8])


def test_the_decoder_learns_what_the_stored_encoder_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the last stage the encoder is what float16 holds, and stays so."""
    monkeypatch.setattr(vae, "PICTURES", 4)
    recipe = vae.VAE()
    recipe.steps = 7
    with Curve(tmp_path / "curve.csv", Quiet(), recipe.name, recipe.steps) as curve:
        made = recipe.train(curve)
    encoder = {name: tensor for name, tensor in made.items() if name.startswith(("encoder.", "quant_conv."))}
    assert encoder
    assert all(torch.equal(tensor, tensor.half().float()) for tensor in encoder.values())
    assert not torch.equal(made["decoder.conv_in.weight"], made["decoder.conv_in.weight"].half().float())


def test_the_recipe_gives_the_same_tensors_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "PICTURES", 4)
    made = []
    for turn in range(2):
        recipe = vae.VAE()
        recipe.steps = 7
        with Curve(tmp_path / f"{turn}.csv", Quiet(), recipe.name, recipe.steps) as curve:
            made.append(recipe.train(curve))
    load_vae({name: tensor.half() for name, tensor in made[0].items()})
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_edges_count_where_pixels_do_not() -> None:
    """Of two errors of one size the one that flickers from pixel to pixel is worse."""
    even, checked = torch.ones(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    checked[..., ::2] = -1
    nothing = torch.zeros_like(even)
    assert F.l1_loss(even, nothing) == F.l1_loss(checked, nothing)
    assert vae._edge_error(even, nothing) == 0 < vae._edge_error(checked, nothing)
