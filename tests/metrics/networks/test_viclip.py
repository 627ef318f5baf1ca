"""ViCLIP: every published key is accounted for, and the shortcuts through it change no feature."""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import viclip
from i2vbench.metrics.networks.viclip import Block, Sizes, Transformer, ViCLIP
from i2vbench.weights import entry
from i2vbench.weights.shapes import fingerprint
from tests.reference.cases import bundled_json

SMALL = Sizes(32, 3, 2, 32, 2, 2, 16)
START, END = 49406, 49407


@functools.cache
def _state() -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in ViCLIP(SMALL).state_dict().items()}
    noise = torch.Generator().manual_seed(0)
    filled = {key: torch.randn(shape, generator=noise) * 0.3 for key, shape in shapes.items()}
    filled["vision_encoder.temporal_positional_embedding"] *= 10  # else the order of frames hardly shows
    return filled | {"temp": torch.ones(())}


def state() -> dict[str, Tensor]:
    """A checkpoint of the published names at small sizes; not to be written into."""
    return dict(_state())


@functools.cache
def network() -> ViCLIP:
    return viclip.load(_state(), SMALL)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_every_published_key_is_a_tensor_of_ours_or_the_temperature() -> None:
    keys = bundled_json("viclip/keys.json")
    shapes = {key: spec["shape"] for key, spec in keys.items()}
    assert fingerprint(shapes) in entry("viclip_l14").keys
    with torch.device("meta"):
        ours = {key: list(tensor.shape) for key, tensor in ViCLIP().state_dict().items()}
    assert shapes == ours | {"temp": []}


def test_tensors_that_do_not_fit_are_named_each() -> None:
    spoilt = {**state(), "vision_encoder.proj": torch.zeros(7), "extra.weight": torch.zeros(1)}
    del spoilt["text_encoder.transformer.resblocks.1.attn.in_proj_bias"]
    with pytest.raises(CheckpointError) as caught:
        viclip.load(spoilt, SMALL)
    assert caught.value.missing == ["text_encoder.transformer.resblocks.1.attn.in_proj_bias"]
    assert caught.value.left_over == ["extra.weight"]
    assert "1 of another shape: vision_encoder.proj ([7] instead of [32, 16])" in str(caught.value)


def test_it_loads_what_is_wrapped_half_and_without_a_temperature() -> None:
    half = {f"module.{key}": tensor.half() for key, tensor in state().items() if key != "temp"}
    loaded = viclip.load({"model": half}, SMALL)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize("causal", [False, True])
def test_a_block_is_attention_and_quick_gelu(causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As PyTorch's own attention and the formula have it, whatever goes through the wide layer at once."""
    monkeypatch.setattr(viclip, "TOKENS_AT_ONCE", 5)
    block = Block(16, 4, causal).requires_grad_(False)
    for seed, parameter in enumerate(block.parameters()):
        parameter.copy_(drawn(*parameter.shape, seed=seed))
    reference = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    reference.load_state_dict(block.attn.state_dict())
    x = drawn(2, 9, 16)
    y = block.ln_1(x)
    mask = torch.ones(9, 9, dtype=torch.bool).triu(1) if causal else None
    with torch.no_grad():
        attended = x + reference(y, y, y, attn_mask=mask)[0]
    hidden = block.mlp.c_fc(block.ln_2(attended))
    expected = attended + block.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
    torch.testing.assert_close(block(x), expected, rtol=1e-5, atol=1e-4)


def test_the_last_layer_does_no_more_than_is_wanted_of_it() -> None:
    transformer: Transformer = network().vision_encoder.transformer
    x = drawn(2, 33, 32)
    whole = transformer(x)
    assert whole.shape == (2, 33, 32)
    torch.testing.assert_close(transformer(x, wanted=1), whole[:, :1], rtol=1e-5, atol=1e-4)


def test_patches_are_those_of_the_convolution() -> None:
    encoder, videos = network().vision_encoder, drawn(1, 8, 3, 224, 224)
    convolved = F.conv3d(videos.transpose(1, 2), encoder.conv1.weight, stride=(1, 14, 14))  # [1, C, 8, 16, 16]
    expected = convolved.flatten(3).permute(0, 3, 2, 1)  # [1, 256, 8, C]
    torch.testing.assert_close(encoder._patches(videos), expected, rtol=1e-5, atol=1e-4)


def test_patches_vocabulary_and_context_are_as_it_is_told() -> None:
    sizes = Sizes(32, 1, 2, 32, 1, 2, 16, 56, 600, 8)
    filled = {key: drawn(*tensor.shape) for key, tensor in ViCLIP(sizes).state_dict().items()}
    small, videos = viclip.load(filled, sizes), drawn(1, 8, 3, 224, 224)
    convolved = F.conv3d(videos.transpose(1, 2), small.vision_encoder.conv1.weight, stride=(1, 56, 56))
    expected = convolved.flatten(3).permute(0, 3, 2, 1)  # [1, 16, 8, C]
    torch.testing.assert_close(small.vision_encoder._patches(videos), expected, rtol=1e-5, atol=1e-3)
    tokens, _ = viclip.tokenize(["a dog"], vocabulary=small.vocab_size, context_length=small.context_length)
    assert tokens.shape == (1, 8)
    features = small.text_encoder(tokens)
    torch.testing.assert_close(
        small.text_encoder(tokens[:, : int(tokens.argmax()) + 1]), features, rtol=1e-5, atol=1e-5
    )


def test_gradients_in_training_are_of_the_same_features() -> None:
    trained, (tokens, _) = viclip.load(_state(), SMALL).requires_grad_(True).train(), viclip.tokenize(["a dog"])
    torch.testing.assert_close(trained.text_encoder(tokens), network().text_encoder(tokens), rtol=1e-5, atol=1e-5)
    videos = drawn(1, 8, 3, 224, 224)
    features = trained.vision_encoder(videos)
    torch.testing.assert_close(features, network().vision_encoder(videos), rtol=1e-4, atol=1e-4)
    features.sum().backward()
    assert all(parameter.grad is not None for parameter in trained.vision_encoder.parameters())


def test_what_is_beside_a_clip_does_not_change_its_features() -> None:
    videos = drawn(3, 8, 3, 224, 224)
    together = network().vision_encoder(videos)
    alone = torch.cat([network().vision_encoder(one) for one in videos.split(1)])
    assert torch.allclose(together, alone, rtol=0, atol=1e-4 * together.std().item())
    assert (together[0] - together[1]).abs().max() > 100 * (together - alone).abs().max()


def test_the_order_of_frames_counts() -> None:
    videos = drawn(1, 8, 3, 224, 224)
    features = network().vision_encoder(videos)
    reverse = network().vision_encoder(videos.flip(1))
    assert (features - reverse).abs().max() > 1e-3 * features.std()


@pytest.mark.parametrize("shape", [(1, 1, 3, 224, 224), (2, 9, 3, 224, 224), (1, 8, 3, 224, 226), (8, 3, 224, 224)])
def test_other_clips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ViCLIP: expected videos \[N, 8, 3, 224, 224\], got \["):
        network().vision_encoder(torch.zeros(shape))


def test_autocast_around_it_changes_nothing() -> None:
    videos, (tokens, _) = drawn(1, 8, 3, 224, 224), viclip.tokenize(["a dog"])
    expected = network().vision_encoder(videos), network().text_encoder(tokens)
    with torch.autocast("cpu", torch.bfloat16):
        seen = network().vision_encoder(videos), network().text_encoder(tokens)
    assert torch.equal(seen[0], expected[0])
    assert torch.equal(seen[1], expected[1])


def test_a_texts_feature_is_that_of_its_end_and_of_nothing_after_it() -> None:
    tokens, _ = viclip.tokenize(["a dog swimming", "a cat swimming"])
    features = network().text_encoder(tokens)
    assert features.shape == (2, 16)
    assert (features[0] - features[1]).abs().max() > 0.01
    more = tokens.clone()
    more[:, -5:] = 300
    torch.testing.assert_close(network().text_encoder(more), features)
    alone = torch.cat([network().text_encoder(row[None]) for row in tokens])
    torch.testing.assert_close(alone, features, rtol=1e-5, atol=1e-5)


def test_a_text_is_cut_to_30_tokens_and_its_end_is_kept() -> None:
    tokens, cut = viclip.tokenize(["dog " * 29, "dog " * 30, "dog " * 31, "dog " * 100, ""])
    assert cut == [0, 0, 1, 70, 0]
    assert (tokens.shape, tokens.dtype) == ((5, 32), torch.int64)
    assert tokens[:, 0].tolist() == [START] * 5
    assert tokens.argmax(dim=1).tolist() == [30, 31, 31, 31, 1]
    assert tokens[1].equal(tokens[3])
    assert tokens[4, 2:].eq(0).all()


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_has_one_start_and_one_end(text: str) -> None:
    tokens, (cut,) = viclip.tokenize([text])
    (row,) = tokens.tolist()
    length = row.index(END) + 1
    assert (row[0], row.count(START), row.count(END)) == (START, 1, 1)
    assert row[length:] == [0] * (32 - length)
    assert cut == 0 or length == 32
    assert tokens.equal(viclip.tokenize([f"  {text}\n"])[0]), "white space around it is no part of it"
