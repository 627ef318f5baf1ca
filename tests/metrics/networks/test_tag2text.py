"""Tag2Text: every published key is accounted for, a frame's caption is its own."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from i2vbench.checkpoints import CheckpointError
from i2vbench.errors import UserError
from i2vbench.metrics.networks import tag2text, wordpiece
from i2vbench.metrics.networks.tag2text import Caption, Sizes, Tag2Text, published_order
from i2vbench.metrics.networks.tag2text.caption import PROMPT, Memory, prompt_ids, text_of
from i2vbench.metrics.networks.tag2text.image import MEAN, STD, preprocess
from i2vbench.metrics.networks.tag2text.search import Hypothesis, Rules, beam_search
from i2vbench.metrics.networks.tag2text.tagging import REMOVED, THRESHOLD, detected, tag_pieces
from tests.metrics.networks.test_tag2text_search import Sequences
from tests.reference.cases import bundled_json

SMALL = Sizes(48, 4, 8, (2, 2, 2), (1, 2, 4), 3, width=32, heads=4, layers=3, tagging_heads=2, tags=150, positions=48)
NAMES = [f"tag{i % 140}" for i in range(SMALL.tags)]
"""Ten of them twice."""

WORDS = "text_decoder.cls.predictions.decoder"


@functools.cache
def _state() -> dict[str, Tensor]:
    with torch.device("meta"):
        own = Tag2Text(NAMES, SMALL).state_dict(keep_vars=True)
    last = {id(tensor): name for name, tensor in own.items()}
    noise = torch.Generator().manual_seed(0)
    shapes = {name: own[name].shape for name in last.values()}
    filled = {name: torch.randn(shape, generator=noise) * _spread(name, shape) for name, shape in shapes.items()}
    filled |= {name: tensor + 1 for name, tensor in filled.items() if "norm" in name.lower() and "weight" in name}
    filled["fc.b"] -= 4  # so that a few tags pass
    filled[f"{WORDS}.bias"][wordpiece.SEP] += 10.0  # so that captions are of several lengths
    return filled


def _spread(name: str, shape: torch.Size) -> float:
    if len(shape) == 1 or name == "fc.b":
        return 0.2
    if name in ("fc.W", f"{WORDS}.weight"):
        return 0.4
    if "embed" in name and "proj" not in name:
        return 1.0
    more = 4.0 if "query" in name else 1.0  # else attention hardly chooses
    return more / math.sqrt(shape[1:].numel())


def state() -> dict[str, Tensor]:
    """A checkpoint of the published names at small sizes, of several names the last; not to be written into."""
    return dict(_state())


@functools.cache
def network() -> Tag2Text:
    return tag2text.load(_state(), NAMES, SMALL)


def pictures(count: int, height: int = 30, width: int = 40, seed: int = 0) -> Tensor:
    """uint8 [N, H, W, 3], coarse enough to differ after a resize."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="nearest")
    return (fine * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


# The checkpoint.


def test_every_published_key_is_ours_or_another_name_or_no_parameter() -> None:
    keys, ties = bundled_json("tag2text/keys.json"), bundled_json("tag2text/ties.json")
    published = {name: spec["shape"] for name, spec in keys.items() if not spec["dtype"].startswith("buffer")}
    with torch.device("meta"):
        own = Tag2Text(["tag"] * tag2text.PUBLISHED.tags).state_dict(keep_vars=True)
    assert {name: list(tensor.shape) for name, tensor in own.items()}.items() <= published.items()
    assert published.keys() - own.keys() <= ties.keys()
    last = {id(tensor): name for name, tensor in own.items()}
    assert {name: last[id(tensor)] for name, tensor in own.items() if last[id(tensor)] != name}.items() <= ties.items()
    assert len(last) == len(published) - len(ties)


def aliases() -> dict[str, str]:
    own = network().state_dict(keep_vars=True)
    last = {id(tensor): name for name, tensor in own.items()}
    return {name: last[id(tensor)] for name, tensor in own.items() if name != last[id(tensor)]}


@pytest.mark.parametrize("nested", [False, True])
def test_other_names_tables_and_masks_may_be_there_and_do_not_count(nested: bool) -> None:
    more = {name: torch.full_like(state()[last], 7.0) for name, last in aliases().items()}
    assert "tag_encoder.encoder.layer.1.output.dense.weight" in more
    more |= {
        "text_decoder.bert.embeddings.word_embeddings.weight": torch.zeros(30524, 32),
        "text_decoder.bert.embeddings.position_ids": torch.zeros(1, 48),
        "visual_encoder.layers.0.blocks.1.attn_mask": torch.full((16, 9, 9), 3.0),
        "visual_encoder.layers.0.blocks.1.attn.relative_position_index": torch.zeros(9, 9),
        "tag_encoder.pooler.dense.weight": torch.zeros(1),
    }
    given: dict[str, Any] = {"model": state() | more, "optimizer": {}} if nested else state() | more
    loaded = tag2text.load(given, NAMES, SMALL)
    for name, tensor in network().state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert loaded.caption(pictures(2)) == network().caption(pictures(2))


def test_tensors_that_do_not_fit_are_named_each() -> None:
    missing, misshapen = "visual_encoder.layers.1.downsample.reduction.weight", "fc.W"
    spoilt = {**state(), misshapen: torch.zeros(7)}
    del spoilt[missing]
    with pytest.raises(CheckpointError) as caught:
        tag2text.load(spoilt, NAMES, SMALL)
    assert caught.value.missing == [missing]
    assert "1 of another shape: fc.W ([7] instead of [1, 150, 32])" in str(caught.value)


def test_another_name_does_not_stand_in_for_the_one_that_counts() -> None:
    alias, last = next(iter(aliases().items()))
    spoilt = {**state(), alias: state()[last]}
    del spoilt[last]
    with pytest.raises(CheckpointError) as caught:
        tag2text.load(spoilt, NAMES, SMALL)
    assert last in caught.value.missing


def test_tables_of_another_window_are_refused_with_the_reason() -> None:
    name = "visual_encoder.layers.0.blocks.0.attn.relative_position_bias_table"
    with pytest.raises(CheckpointError, match="has 169 rows, expected 25: it was trained with windows of another size"):
        tag2text.load({**state(), name: torch.zeros(169, 1)}, NAMES, SMALL)


def test_another_model_is_told_as_such() -> None:
    with pytest.raises(CheckpointError, match="another model than Tag2Text"):
        tag2text.load({"conv.weight": torch.zeros(1)}, NAMES, SMALL)


@pytest.mark.parametrize("names", [NAMES[1:], [*NAMES, ""]])
def test_a_list_with_another_number_of_tags_is_refused(names: list[str]) -> None:
    with pytest.raises(UserError, match=f"expected 150 names, a line each, got {len(names)}"):
        tag2text.load(state(), names, SMALL)


def test_it_is_float32_in_evaluation_without_gradients_whatever_the_checkpoint_is() -> None:
    loaded = tag2text.load({key: value.half() for key, value in state().items()}, NAMES, SMALL)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    shared = loaded.tag_encoder.encoder.layer[0].output.dense.weight
    assert shared is loaded.vision_multi.encoder.layer[0].output.dense.weight


# What it is shown.


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 9))
def test_frames_are_resized_by_pil(height: int, width: int, seed: int) -> None:
    frames = torch.randint(256, (2, height, width, 3), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)
    pixels = preprocess(frames, 48)
    for frame, ours in zip(frames, pixels, strict=True):
        image = np.asarray(Image.fromarray(frame.numpy()).resize((48, 48), Image.Resampling.BILINEAR))
        theirs = (image.astype(np.float64) / 255 - MEAN) / STD
        assert np.abs(ours.permute(1, 2, 0).numpy() - theirs).max() < 1e-6


@pytest.mark.parametrize(
    "frames",
    [torch.zeros(2, 9, 9, 3), torch.zeros(9, 9, 3, dtype=torch.uint8), torch.zeros(0, 9, 9, 3, dtype=torch.uint8),
     np.zeros((2, 9, 9, 4), np.uint8)],
)  # fmt: skip
def test_what_is_no_frame_is_refused(frames: Any) -> None:
    with pytest.raises(ValueError, match=r"images: expected uint8 \[N, H, W, 3\] with nothing of size 0, got "):
        network().caption(frames)


def test_arrays_may_be_read_only_and_lie_backwards(recwarn: pytest.WarningsRecorder) -> None:
    frames = pictures(3).numpy()
    frames.setflags(write=False)
    assert network().caption(frames[::-1]) == network().caption(pictures(3))[::-1]
    assert not recwarn


# Each frame by itself.


def test_the_tokens_begin_with_their_mean() -> None:
    tokens = network().image_tokens(pictures(2))
    assert tokens.shape == (2, 1 + 9, SMALL.image_width)
    assert torch.allclose(tokens[:, 0], tokens[:, 1:].mean(1), atol=1e-6)


@settings(deadline=None, max_examples=6)
@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.sampled_from([(30, 40), (40, 30), (48, 48)]))
def test_what_is_beside_a_frame_does_not_change_what_is_seen(
    count: int, encoded: int, written: int, size: tuple[int, int]
) -> None:
    frames = pictures(count, *size, seed=count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tag2text, "ENCODED_AT_ONCE", encoded)
        patch.setattr(tag2text, "WRITTEN_AT_ONCE", written)
        together = network().caption(frames)
        image = network().image_tokens(frames)
    assert together == [network().caption(frame[None])[0] for frame in frames]
    alone = torch.cat([network().image_tokens(frame[None]) for frame in frames])
    assert torch.allclose(image, alone, atol=1e-5)
    logits = torch.cat([network().tag_logits(one[None]) for one in image])
    assert torch.allclose(network().tag_logits(image), logits, atol=1e-4)


def test_frames_have_captions_of_their_own() -> None:
    captions = network().caption(pictures(12))
    assert len({caption.tags for caption in captions}) > 6
    assert len({caption.text for caption in captions}) > 6
    # Of several lengths, so that some leave the search before others.
    assert len({len(wordpiece.encode(caption.text)) for caption in captions}) > 2


def test_many_grey_frames() -> None:
    grey = torch.arange(0, 200, 3, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 7, 5, 3)
    captions = network().caption(grey)
    assert len(captions) == 67
    assert captions[50] == network().caption(grey[50:51])[0]


def test_autocast_around_it_changes_nothing() -> None:
    expected = network().caption(pictures(2))
    with torch.autocast("cpu", torch.bfloat16):
        assert network().caption(pictures(2)) == expected
        assert network().image_tokens(pictures(2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("part", "fault"),
    [("image_tokens", "a score of a tag is not finite"), ("tag_states", "a score of a word is not finite")],
)
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_none_is_a_fault_of_its_frame_alone(
    part: str, fault: str, number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pictures(4)
    expected = network().caption(frames)
    whole: Callable[..., Tensor] = getattr(network(), part)

    def spoilt(*given: Any) -> Tensor:
        made = whole(*given).clone()
        made[1, 0] = number
        return made

    monkeypatch.setattr(network(), part, spoilt)
    captions = network().caption(frames)
    assert captions[1] == Caption("", (), fault)
    assert [captions[i] for i in (0, 2, 3)] == [expected[i] for i in (0, 2, 3)]


def test_a_cut_vocabulary_is_followed_by_the_special_ids() -> None:
    sizes = dataclasses.replace(SMALL, pieces=5000)
    tables = [f"{WORDS}.weight", f"{WORDS}.bias", "tag_encoder.embeddings.word_embeddings.weight"]
    cut = {**state(), **{name: torch.cat((state()[name][:5000], state()[name][-2:])) for name in tables}}
    cut[f"{WORDS}.bias"][[wordpiece.SEP, 5000, 5001]] = torch.tensor([-50.0, 50.0, -50.0])  # it says [DEC] alone
    small = tag2text.load(cut, NAMES, sizes)
    assert prompt_ids(sizes) == [5000, 1037, 3861, 1997]
    [ids], [mask] = tag_pieces(["dog | desert"], sizes)
    assert [wordpiece.pieces()[i] for i in ids[1:6]] == ["dog", "|", "des", "##er", "##t"]
    assert (ids[0], ids[6], mask.sum()) == (5001, wordpiece.SEP, 7)
    [caption] = small.caption(pictures(1))
    assert (caption.text, caption.fault) == ("", "")


def test_if_every_frame_is_at_fault_each_says_so() -> None:
    broken = tag2text.load({**state(), "visual_encoder.norm.bias": torch.full((32,), math.nan)}, NAMES, SMALL)
    assert {caption.fault for caption in broken.caption(pictures(2))} == {"a score of a tag is not finite"}


# Tags.


def test_tags_are_those_above_the_threshold_but_for_six() -> None:
    logits = torch.full((3, 3429), -9.0)
    edge = torch.tensor(THRESHOLD).logit()
    logits[0, [5, 9, 2961, *REMOVED]] = 9.0
    logits[1, [7, 8]] = torch.stack([edge + 1e-3, edge - 1e-3])
    assert detected(logits) == [[5, 9, 2961], [7], []]


def test_names_that_occur_twice_are_said_twice() -> None:
    sure = {**state(), "fc.W": torch.zeros(1, 150, 32), "fc.b": torch.full((1, 150), -9.0)}
    sure["fc.b"][0, [3, 127, 143]] = 9.0
    [caption] = tag2text.load(sure, NAMES, SMALL).caption(pictures(1))
    assert caption.tags == ("tag3", "tag3")


def test_a_frame_without_tags_has_a_caption() -> None:
    none = {**state(), "fc.b": torch.full((1, 150), -1e4)}
    [caption] = tag2text.load(none, NAMES, SMALL).caption(pictures(1))
    assert caption.tags == ()
    assert caption.fault == ""


def test_a_text_of_tags_becomes_forty_pieces() -> None:
    long = " | ".join(["pergola"] * 30)
    ids, mask = tag_pieces(["", "dog | sky", long])
    assert ids.shape == mask.shape == (3, 40)
    assert ids[0].tolist() == [30523, wordpiece.SEP] + [0] * 38
    assert ids[1, :6].tolist() == [30523, 3899, 1064, 3712, 102, 0]
    assert mask.sum(1).tolist() == [2, 5, 40]
    assert ids[2].tolist() == [30523, *wordpiece.encode(long)[1:39], wordpiece.SEP]


def test_what_fills_up_a_text_is_hidden_from_it_but_not_from_the_caption() -> None:
    image = network().image_tokens(pictures(1))
    ids, mask = tag_pieces(["dog | sky"])
    states = network().tag_encoder(ids, mask, image)
    other = ids.masked_fill(~mask, 77)
    changed = network().tag_encoder(other, mask, image)
    assert torch.allclose(states[mask], changed[mask], atol=1e-6)
    assert not torch.allclose(states[~mask], changed[~mask], atol=1e-2)
    start = torch.tensor([prompt_ids()])
    decoder = network().text_decoder
    assert (decoder(start, states) - decoder(start, changed)).abs().max() > 1e-3


# Captions.


def test_the_prompt_is_cut_off_by_its_length() -> None:
    said = wordpiece.encode("a dog .")[1:]
    assert text_of([*prompt_ids(), *said]) == "a dog."
    assert text_of([*prompt_ids(), wordpiece.SEP]) == text_of(prompt_ids()) == ""
    assert prompt_ids() == [30522, 1037, 3861, 1997]
    assert len(PROMPT) == 13


def test_what_is_kept_from_step_to_step_changes_nothing() -> None:
    decoder, states = network().text_decoder, noise(3, 40, 32)
    [*found] = decoder.search(states, prompt_ids())

    def again(image: int) -> Hypothesis | None:
        model = Sequences(1, 3, prompt_ids(), lambda _, ids: decoder(torch.tensor([ids]), states[[image]])[0, -1])
        return beam_search(model.logits(), model.follow, prompt_ids(), Rules(wordpiece.SEP))[0]

    for image, best in enumerate(found):
        plain = again(image)
        assert best is not None
        assert plain is not None
        assert best.ids == plain.ids
        assert best.score == pytest.approx(plain.score, abs=1e-5)


def test_logits_of_a_step_are_those_of_the_whole() -> None:
    decoder, states = network().text_decoder, noise(2, 40, 32)
    ids = torch.randint(30524, (6, 9), generator=torch.Generator().manual_seed(1))  # three beams of each
    whole = decoder(ids, states)
    with torch.no_grad():
        memory = Memory(decoder._sources(states), [])
        steps = [decoder.cls.predictions(decoder._read(part, memory)) for part in ids.split((4, 1, 1, 1, 1, 1), 1)]
    assert (torch.cat(steps, 1) - whole).abs().max() < 1e-3
    rows = [5, 3, 3]
    memory.keep(rows, 3)  # the first image is done
    kept = decoder.cls.predictions(decoder._read(torch.tensor([[8], [9], [10]]), memory))
    longer = torch.cat((ids[rows], torch.tensor([[8], [9], [10]])), 1)
    assert (kept - decoder(longer, states[1:])[:, -1:]).abs().max() < 1e-3


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


# The published order.


@given(st.integers(0, 60))
def test_in_the_published_order_an_entry_is_that_of_a_third_of_its_place(count: int) -> None:
    assert published_order(range(count)) == [i // 3 for i in range(count)]


def test_of_sixteen_frames_six_are_captioned() -> None:
    assert published_order("abcdefghijklmnop") == list("aaabbbcccdddeeef")


def test_every_norm_has_the_published_epsilon() -> None:
    norms = [(name, module.eps) for name, module in network().named_modules() if hasattr(module, "eps")]
    assert {eps for name, eps in norms if name.startswith("visual_encoder.")} == {1e-5}
    assert {eps for name, eps in norms if not name.startswith("visual_encoder.")} == {1e-12}
