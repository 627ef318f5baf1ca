"""One step's loss; that it is the published one to the last draw, the reference cases prove (tests/reference)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch
from diffusers import AutoencoderKL

from i2vbench.models.consisti2v.components import ddim_scheduler
from i2vbench.models.consisti2v.training.objective import (
    Draws,
    Objective,
    TrainingStep,
    drop_texts,
    training_step,
)
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from tests.models.consisti2v.training.base import tiny_vae
from tests.reference.draws import RecordedDraws

TINY = {
    "sample_size": 8, "block_out_channels": [32, 64, 96, 96], "cross_attention_dim": 32,
    "attention_head_dim": [2, 4, 6, 6], "n_frames": 4, "n_temp_heads": 4,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return tiny_vae().requires_grad_(False)


def make_unet(**overrides: object) -> ConsistI2VUNet:
    """Half-open gates, so that the temporal layers show."""
    torch.manual_seed(0)
    unet = ConsistI2VUNet.from_config(TINY, **overrides)
    for name, value in unet.named_parameters():
        if name.endswith(".alpha"):
            value.data.fill_(0.5)
    return unet.train()


def step(unet: ConsistI2VUNet, vae: AutoencoderKL, objective: Objective, draws: Draws | None = None) -> TrainingStep:
    noise = torch.Generator().manual_seed(1)
    return training_step(
        unet,
        vae,
        ddim_scheduler(objective.prediction_type),
        objective,
        draws or Draws.for_step(0, 0, 0, 0),
        pixel_values=torch.randn(2, 4, 3, 32, 32, generator=noise).clamp(-1, 1),
        text_embeddings=torch.randn(2, 16, 32, generator=noise),
        frame_stride=torch.tensor([1, 5]) if unet.config.use_frame_stride_condition else None,
    )


@pytest.mark.parametrize(
    "overrides", [{}, {"augment_temporal_attention": False}, {"first_frame_condition_mode": "conv2d"}]
)
def test_checkpointing_gives_the_same_gradients(vae: AutoencoderKL, overrides: dict[str, object]) -> None:
    mode = str(overrides.get("first_frame_condition_mode", "concat"))
    objective = Objective(image_dropout=0.5, first_frame_mode=mode)
    plain, checkpointed = make_unet(**overrides), make_unet(**overrides)
    checkpointed.enable_gradient_checkpointing()
    passes: list[torch.nn.Module] = []
    for unet in (plain, checkpointed):
        unet.mid_block.resnets[0].register_forward_hook(lambda module, *_: passes.append(module))
    losses = [step(unet, vae, objective).loss for unet in (plain, checkpointed)]
    for loss in losses:
        loss.backward()
    assert torch.equal(*losses)
    counts = [passes.count(unet.mid_block.resnets[0]) for unet in (plain, checkpointed)]
    assert counts == [1, 2]  # computed again on the way back
    trained = 0
    for (name, one), other in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None:
            assert other.grad is not None
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-8, msg=name)
            trained += 1
    assert trained == sum(value.requires_grad for value in plain.parameters())
    first = plain.down_blocks[0]
    for layer in (first.attentions[0], first.tempo_attns[0]):  # both conditionings have taken part
        assert layer.transformer_blocks[0].attn1.to_k.weight.grad.abs().max() > 0


def test_the_loss_is_of_the_generated_frames_alone(vae: AutoencoderKL) -> None:
    made = step(make_unet(), vae, Objective())
    assert made.model_pred.shape == made.unet_sample.shape == (2, 4, 3, 8, 8)
    assert torch.equal(made.unet_sample, made.noisy_latents[:, :, 1:])
    assert torch.equal(made.target, made.noise)
    expected = (made.model_pred - made.noise[:, :, 1:]).square().mean()
    torch.testing.assert_close(made.loss, expected)


def test_without_first_frames_it_is_of_all_frames(vae: AutoencoderKL) -> None:
    unet = make_unet(first_frame_condition_mode="none")
    made = step(unet, vae, Objective(first_frame_mode="none", image_dropout=1.0))
    assert made.first_frame_latents is None
    assert made.model_pred.shape == made.target.shape == (2, 4, 4, 8, 8)
    torch.testing.assert_close(made.loss, (made.model_pred - made.noise).square().mean())


def test_velocity_is_the_target_where_it_is_asked_for(vae: AutoencoderKL) -> None:
    made = step(make_unet(), vae, Objective(prediction_type="v_prediction"))
    signal = ddim_scheduler().alphas_cumprod[made.timesteps].view(-1, 1, 1, 1, 1)
    expected = signal.sqrt() * made.noise - (1 - signal).sqrt() * made.latents
    torch.testing.assert_close(made.target, expected)
    assert not torch.equal(made.target, made.noise)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_dropped_image_is_its_noisy_self_and_latents_stay(vae: AutoencoderKL, ratio: float) -> None:
    made = step(make_unet(), vae, Objective(image_dropout=ratio))
    kept = step(make_unet(), vae, Objective())
    assert made.first_frame_latents is not None
    shown = made.noisy_latents if ratio else made.latents
    assert torch.equal(made.first_frame_latents, shown[:, :, :1])
    assert made.image_dropped == (ratio == 1.0,) * 2
    assert torch.equal(made.latents, kept.latents)


def test_the_prior_shares_noise_between_frames(vae: AutoencoderKL) -> None:
    mixed = step(make_unet(), vae, Objective(noise_alpha=100.0)).noise
    assert (mixed[:, :, 1] - mixed[:, :, 0]).abs().max() < 0.1
    own = step(make_unet(), vae, Objective(noise_method="vanilla")).noise
    assert (own[:, :, 1] - own[:, :, 0]).abs().max() > 1


def test_draws_are_a_function_of_their_four_numbers() -> None:
    def numbers(*key: int) -> list[float]:
        draws = Draws.for_step(*key)
        return [draws.uniform(), *draws.normal((3,)).tolist(), *draws.timesteps(2, 1000).tolist(), draws.uniform()]

    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert all(numbers(*key) == numbers(*key) for key in keys)
    assert len({tuple(numbers(*key)) for key in keys}) == len(keys)


def test_timesteps_cover_the_whole_range() -> None:
    drawn = Draws(torch.Generator().manual_seed(0), random.Random(0)).timesteps(20_000, 1000)
    assert (int(drawn.min()), int(drawn.max())) == (0, 999)


def test_texts_are_dropped_at_the_ratio_and_none_is_drawn_for_zero() -> None:
    draws = Draws(torch.Generator(), random.Random(0))
    dropped = drop_texts(["a"] * 5000, 0.1, draws).count("")
    assert 400 < dropped < 600
    recorded = RecordedDraws([], torch.tensor([]), [])
    assert drop_texts(["a", "b"], 0.0, recorded) == ["a", "b"]
    assert drop_texts(["a", "b"], 0.1, RecordedDraws([], torch.tensor([]), [0.1, 0.11])) == ["", "b"]


def test_draws_come_in_the_published_order(vae: AutoencoderKL) -> None:
    asked: list[str] = []

    class Noted(Draws):
        def normal(self, shape: object) -> torch.Tensor:
            asked.append(f"normal {tuple(shape)}")  # type: ignore[arg-type]
            return super().normal(shape)  # type: ignore[arg-type]

        def timesteps(self, count: int, num_train_timesteps: int) -> torch.Tensor:
            asked.append(f"timesteps {count}")
            return super().timesteps(count, num_train_timesteps)

        def uniform(self) -> float:
            asked.append("uniform")
            return super().uniform()

    draws = Noted(torch.Generator().manual_seed(0), random.Random(0))
    drop_texts(["a", "b"], 0.1, draws)
    step(make_unet(), vae, Objective(image_dropout=0.1), draws)
    assert asked == [
        "uniform", "uniform",
        "normal (8, 4, 8, 8)", "normal (2, 4, 1, 8, 8)", "normal (2, 4, 4, 8, 8)",
        "timesteps 2",
        "uniform", "uniform",
    ]  # fmt: skip


def test_recorded_draws_refuse_what_was_not_recorded() -> None:
    draws = RecordedDraws([torch.zeros(2, 3)], torch.tensor([5]), [])
    with pytest.raises(ValueError, match=r"expected normals \[3, 2\], found \[2, 3\]"):
        draws.normal((3, 2))
    with pytest.raises(ValueError, match="found no more"):
        draws.normal((2, 3))
    with pytest.raises(ValueError, match="expected 2 timesteps"):
        draws.timesteps(2, 1000)
    with pytest.raises(ValueError, match="no uniform number"):
        draws.uniform()
