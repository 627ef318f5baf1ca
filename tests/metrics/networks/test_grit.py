"""GRiT at small sizes: its shortcuts change no result, a frame's result is its own, and what does not fit is said."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import Resize

from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import CAPTIONS, OBJECTS, Detections, GRiT, Sizes, boxes, proposals, words
from i2vbench.metrics.networks.grit.backbone import Attention, relative
from i2vbench.metrics.networks.grit.boxes import clipped, level_of, moved
from i2vbench.metrics.networks.grit.proposals import propose
from i2vbench.metrics.networks.grit.words import FORBIDDEN, TextDecoder, Written
from i2vbench.metrics.networks.wordpiece import SEP
from tests.reference.cases import bundled_json

SMALL = Sizes(
    width=32, depth=3, heads=2, window=3, grid=4, channels=64, box_width=16, text_width=32, text_depth=2, text_heads=2,
    vocabulary=2300, text_positions=40,
)  # fmt: skip
TEXT = "roi_heads.text_decoder.textual."
HEAD = "proposal_generator.centernet_head."


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@functools.cache
def _state() -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in GRiT(SMALL).state_dict().items()}
    filled = {}
    for seed, (key, shape) in enumerate(shapes.items()):
        noise = drawn(*shape, seed=seed)
        if key.endswith("bias"):
            filled[key] = 0.1 * noise
        elif len(shape) == 1:
            filled[key] = 1 + 0.1 * noise
        else:
            filled[key] = noise / math.sqrt(math.prod(shape[1:]))
    filled[f"{HEAD}bbox_pred.bias"] += 3  # boxes of some size
    for stage in range(3):  # a few of the proposals are objects
        filled[f"roi_heads.box_predictor.{stage}.cls_score.weight"] *= 6
        filled[f"roi_heads.box_predictor.{stage}.bbox_pred.2.weight"] *= 3
    filled[f"{TEXT}embedding.positions.weight"] *= 4  # texts go on changing
    filled[f"{TEXT}output.weight"] *= 4
    filled[f"{TEXT}output.bias"][SEP] += 8  # and end somewhere
    filled[f"{TEXT}embedding.words.weight"] = filled[f"{TEXT}output.weight"]
    return filled


def state() -> dict[str, Tensor]:
    """A checkpoint of the published names at small sizes; not to be written into."""
    return dict(_state())


def altered(change: dict[str, Callable[[Tensor], Tensor]]) -> GRiT:
    """The network with some tensors changed."""
    return grit.load(state() | {key: how(_state()[key]) for key, how in change.items()}, SMALL)


@functools.cache
def network() -> GRiT:
    return grit.load(_state(), SMALL)


@functools.cache
def frames() -> Tensor:
    """uint8 [5, 3, 70, 90], the last without any structure."""
    noise = F.interpolate(drawn(5, 3, 7, 9), (70, 90), mode="bilinear")
    noise[-1] = 0
    return (noise * 90 + 128).clamp(0, 255).byte()


def assert_same(some: Detections, other: Detections) -> None:
    assert some.names == other.names
    assert some.fault == other.fault
    torch.testing.assert_close(some.boxes, other.boxes, rtol=0, atol=1e-3)
    torch.testing.assert_close(some.box_scores, other.box_scores, rtol=0, atol=1e-5)
    torch.testing.assert_close(some.scores, other.scores, rtol=0, atol=1e-5)


class TestLoading:
    def test_every_published_key_is_a_tensor_of_ours_or_of_the_masks(self) -> None:
        shapes = {key: spec["shape"] for key, spec in bundled_json("grit/keys.json").items()}
        with torch.device("meta"):
            ours = {key: list(tensor.shape) for key, tensor in GRiT().state_dict().items()}
        assert {key: shape for key, shape in shapes.items() if not key.startswith("roi_heads.mask_head.")} == ours

    @pytest.mark.parametrize("missing", ["backbone.bottom_up.pos_embed", f"{TEXT}output.bias"])
    def test_tensors_that_do_not_fit_are_named_each(self, missing: str) -> None:
        spoilt = {**state(), f"{HEAD}scales.3.scale": torch.zeros(7)}
        del spoilt[missing]
        with pytest.raises(CheckpointError) as caught:
            grit.load(spoilt, SMALL)
        assert caught.value.missing == [missing]
        assert f"1 of another shape: {HEAD}scales.3.scale ([7] instead of [1])" in str(caught.value)

    def test_what_else_is_in_it_is_left_out_and_named(self) -> None:
        with pytest.warns(
            UserWarning, match=r"checkpoint of GRiT: 2 unknown and left out: another.bias, extra.weight$"
        ):
            grit.load({**state(), "extra.weight": torch.zeros(1), "another.bias": torch.zeros(1)}, SMALL)

    @pytest.mark.filterwarnings("error")
    def test_it_loads_what_is_wrapped_half_and_has_masks(self) -> None:
        half = {f"module.{key}": tensor.half() for key, tensor in state().items()}
        half |= {"module.roi_heads.mask_head.deconv.bias": torch.zeros(2), "module.pixel_mean": torch.zeros(3, 1, 1)}
        loaded = grit.load({"model": half, "iteration": 7}, SMALL)
        assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
        assert not loaded.training
        assert not any(parameter.requires_grad for parameter in loaded.parameters())

    def test_the_two_names_of_the_word_embedding_are_one_tensor(self) -> None:
        loaded = grit.load({key: tensor.clone() for key, tensor in state().items()}, SMALL)
        assert loaded.text.embedding["words"].weight is loaded.text.output.weight

    def test_another_models_checkpoint_is_called_so(self) -> None:
        with pytest.raises(CheckpointError, match="checkpoint of another model than GRiT"):
            grit.load({"a": torch.zeros(1)}, SMALL)


class TestDetect:
    def test_what_is_found_is_in_order_and_in_the_frame(self) -> None:
        found = network().detect(frames())
        assert len(found) == 5
        assert sum(len(one.names) for one in found) > 20
        for one in found:
            assert one.fault == ""
            assert (one.boxes.shape, one.boxes.dtype) == ((len(one.names), 4), torch.float32)
            assert one.box_scores.tolist() == sorted(one.box_scores.tolist(), reverse=True)
            assert bool((one.box_scores > 0.5).all())
            assert bool(((one.scores > 0) & (one.scores < one.box_scores.sqrt())).all())
            x1, y1, x2, y2 = one.boxes.unbind(1)
            assert bool(((x1 >= 0) & (x1 < x2) & (x2 <= 90) & (y1 >= 0) & (y1 < y2) & (y2 <= 70)).all())

    @pytest.mark.parametrize("heat", [0.27, 0.45])
    def test_a_proposal_of_little_heat_becomes_an_object_if_all_stages_say_so(self, heat: float) -> None:
        """A box scores the root of what its proposal does, so that over 0.25 is enough; that is a heat of 0.0625."""
        logit = math.log(heat**2 / (1 - heat**2))
        sure = {
            f"roi_heads.box_predictor.{i}.cls_score.bias": lambda old: old + torch.tensor([60.0, 0]) for i in range(3)
        }
        flat = {f"{HEAD}agn_hm.weight": torch.zeros_like, f"{HEAD}agn_hm.bias": lambda old: torch.full_like(old, logit)}
        [found] = altered(sure | flat).detect(frames()[:1])
        assert found.names
        torch.testing.assert_close(found.box_scores, torch.full_like(found.box_scores, math.sqrt(heat)))

    @pytest.mark.parametrize(("frame_count", "box_count"), [(1, 64), (2, 3), (5, 1), (5, 64)])
    def test_a_frame_is_what_it_is_alone_whatever_goes_together(
        self, frame_count: int, box_count: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alone = [network().detect(frame[None])[0] for frame in frames()]
        monkeypatch.setattr(grit, "PIXELS_AT_ONCE", frame_count * 70 * 90)
        monkeypatch.setattr(grit, "BOXES_AT_ONCE", box_count)
        monkeypatch.setattr(words, "FEATURES_AT_ONCE", 5)
        for together, one in zip(network().detect(frames()), alone, strict=True):
            assert_same(together, one)
        assert len({tuple(one.names) for one in alone}) > 2

    def test_long_clips_and_none(self) -> None:
        assert network().detect(frames()[:0]) == []
        many = network().detect(frames()[:, :, :24, :24].repeat(7, 1, 1, 1))
        assert len(many) == 35
        assert_same(many[0], many[30])

    @pytest.mark.parametrize("size", [(1, 1), (31, 65), (65, 31), (16, 200), (224, 224)])
    def test_any_size_is_seen(self, size: tuple[int, int]) -> None:
        [found] = network().detect(F.interpolate(frames()[:1].float(), size))
        assert found.fault == ""
        assert bool((found.boxes <= torch.tensor([size[1], size[0]] * 2)).all())

    def test_grey_levels_may_be_floats(self) -> None:
        for one, other in zip(network().detect(frames()), network().detect(frames().double()), strict=True):
            assert_same(one, other)

    def test_captions_begin_with_another_token(self) -> None:
        objects, captions = (network().detect(frames()[:1], task)[0] for task in (OBJECTS, CAPTIONS))
        assert torch.equal(objects.boxes, captions.boxes)
        assert objects.names != captions.names

    def test_autocast_around_it_changes_nothing(self) -> None:
        expected = network().detect(frames()[:2])
        with torch.autocast("cpu", torch.bfloat16):
            seen = network().detect(frames()[:2])
        for one, other in zip(seen, expected, strict=True):
            assert torch.equal(one.scores, other.scores)

    @pytest.mark.parametrize(
        "keys", [[f"{HEAD}agn_hm.bias"], [f"roi_heads.box_predictor.{stage}.cls_score.bias" for stage in range(3)]]
    )
    def test_frames_without_objects_have_no_detections(self, keys: list[str]) -> None:
        lowered = {key: lambda old: old - F.pad(torch.tensor([1e4]), (0, len(old) - 1)) for key in keys}
        for found in altered(lowered).detect(frames()):
            assert (found.names, found.fault) == ([], "")
            assert (found.boxes.shape, found.scores.shape, found.box_scores.shape) == ((0, 4), (0,), (0,))

    def test_boxes_without_area_are_dropped_after_words_were_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heads = network().roi_heads
        [whole] = network().detect(frames()[:1])
        forward = heads.forward

        def flattened(*inputs: object) -> list[boxes.Boxes]:
            [found] = forward(*inputs)  # type: ignore[arg-type]
            flat = found.boxes[:1] * torch.tensor([1, 1, 1, 0]) + found.boxes[:1] * torch.tensor([0, 0, 0, 0])
            flat[:, 3] = flat[:, 1]
            return [found._replace(boxes=torch.cat((flat, found.boxes[1:])))]

        monkeypatch.setattr(heads, "forward", flattened)
        [found] = network().detect(frames()[:1])
        assert found.names == whole.names[1:]
        assert torch.equal(found.box_scores, whole.box_scores[1:])

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_a_frame_that_is_not_finite_has_a_fault_and_spoils_no_other(self, value: float) -> None:
        spoilt = frames().float()
        spoilt[1, 0, 3, 4] = value
        found, expected = network().detect(spoilt), network().detect(frames())
        assert found[1].fault == "GRiT: its heatmap and distances are not finite"
        assert (found[1].names, len(found[1].boxes)) == ([], 0)
        for i in (0, 2, 3, 4):
            assert_same(found[i], expected[i])

    @pytest.mark.parametrize(
        ("key", "part"),
        [
            ("roi_heads.box_predictor.1.bbox_pred.2.bias", "its boxes' scores"),
            (f"{TEXT}output.bias", "its words' prob"),
        ],
    )
    def test_what_is_not_finite_is_named(self, key: str, part: str) -> None:
        for found in altered({key: lambda old: old * math.nan}).detect(frames()[:2]):
            assert found.fault.startswith(f"GRiT: {part}")
            assert (found.names, len(found.boxes), len(found.scores)) == ([], 0, 0)

    def test_a_frame_of_which_nothing_is_said_has_empty_names(self) -> None:
        ending = torch.zeros(SMALL.vocabulary)
        ending[SEP] = 1e3
        for silent, one in zip(
            altered({f"{TEXT}output.bias": lambda old: old + ending}).detect(frames()),
            network().detect(frames()),
            strict=True,
        ):
            assert silent.names == [""] * len(one.names)
            torch.testing.assert_close(silent.scores, one.box_scores.sqrt())  # [SEP] is certain

    @pytest.mark.parametrize(
        "wrong",
        [
            torch.zeros(3, 64, 64), torch.zeros(1, 64, 64, 3), torch.zeros(1, 3, 0, 64),
            torch.zeros(1, 3, 64, 64, dtype=torch.int64),
        ],
    )  # fmt: skip
    def test_other_frames_are_refused(self, wrong: Tensor) -> None:
        with pytest.raises(
            ValueError, match=r"GRiT: expected frames \[N, 3, H, W\] of uint8 or floats, got (float32|int64) \["
        ):
            network().detect(wrong)


def test_every_norm_has_the_published_epsilon() -> None:
    found: dict[str, set[float]] = {}
    for name, module in network().named_modules():
        if hasattr(module, "eps"):
            text = "text embedding" if "textual.embedding" in name else "text layers"
            part = (
                "blocks"
                if ".blocks." in name
                else text
                if "textual." in name and "projection" not in name
                else "others"
            )
            found.setdefault(part, set()).add(module.eps)
    assert found == {"blocks": {1e-6}, "text embedding": {1e-8}, "text layers": {1e-12}, "others": {1e-5}}


class TestShrinking:
    @pytest.mark.parametrize(("height", "width"), [(769, 800), (1080, 1920), (1300, 1079), (1100, 769)])
    def test_large_frames_are_resized_as_torchvision_does(self, height: int, width: int) -> None:
        large = frames()[:2].repeat(1, 1, height // 70 + 1, width // 90 + 1)[..., :height, :width]
        scale = 720.0 / min(height, width)
        expected = Resize((int(scale * height), int(scale * width)))(large.float())
        torch.testing.assert_close(grit.shrink(large), expected, rtol=0, atol=1e-3)

    def test_others_stay_as_they_are(self) -> None:
        large = torch.zeros(1, 3, 768, 2000, dtype=torch.uint8)
        assert grit.shrink(large) is large


class TestBackbone:
    @pytest.mark.parametrize("window", [0, 3])
    @pytest.mark.parametrize("size", [(3, 3), (6, 3), (4, 4), (2, 7), (8, 5)])
    def test_attention_is_that_of_padded_windows_with_a_table_of_logits(
        self, window: int, size: tuple[int, int]
    ) -> None:
        attention = Attention(SMALL, window).requires_grad_(False)
        for seed, parameter in enumerate(attention.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=seed) * 0.3)
        x = drawn(2, *size, SMALL.width)
        torch.testing.assert_close(attention(x), published_attention(attention, x), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(("rows", "size"), [(7, 4), (7, 9), (13, 3), (127, 16)])
    def test_a_table_of_relative_positions_is_resized_linearly(self, rows: int, size: int) -> None:
        table = drawn(rows, 5)
        wanted = 2 * size - 1
        places = (np.arange(wanted) + 0.5) * rows / wanted - 0.5
        columns = [np.interp(places, np.arange(rows), column) for column in table.T.numpy()]
        resized = torch.from_numpy(np.stack(columns, axis=1)).float()
        expected = torch.stack([torch.stack([resized[i - j + size - 1] for j in range(size)]) for i in range(size)])
        torch.testing.assert_close(relative(table, size), expected, rtol=0, atol=1e-4)

    def test_positions_are_the_tables_own_at_224_pixels_and_kept(self) -> None:
        vit = network().backbone.bottom_up
        table = vit._positions(14, 14)
        assert torch.equal(table[0].flatten(0, 1), vit.pos_embed[0, 1:])
        assert vit._positions(14, 14) is table
        assert vit._positions(6, 5).shape == (1, 6, 5, SMALL.width)

    def test_what_is_kept_of_one_size_does_not_serve_another(self) -> None:
        small, large = frames()[:1, :, :40], frames()[:1]
        expected = [grit.load(_state(), SMALL).detect(x)[0] for x in (small, large)]
        for i in (0, 1, 0, 1):
            assert_same(network().detect((small, large)[i])[0], expected[i])


def published_attention(attention: Attention, x: Tensor) -> Tensor:
    """ViTDet's, with windows padded before the layer of queries, keys and values, and L x L logits."""
    height, width = x.shape[1:3]
    high, wide = (attention.window, attention.window) if attention.window else (height, width)
    x = F.pad(x, (0, 0, 0, -width % wide, 0, -height % high))
    tall, broad = x.shape[1:3]
    seen = torch.zeros_like(x)
    down, across = relative(attention.rel_pos_h, high), relative(attention.rel_pos_w, wide)
    for top in range(0, tall, high):
        for left in range(0, broad, wide):
            window = x[:, top : top + high, left : left + wide]
            query, key, value = attention.qkv(window).unflatten(-1, (3, attention.heads, -1)).unbind(3)
            logits = torch.einsum("nabhd,nijhd->nhabij", query, key) / math.sqrt(query.shape[-1])
            logits += torch.einsum("nabhd,aid->nhabi", query, down)[..., None]
            logits += torch.einsum("nabhd,bjd->nhabj", query, across)[..., None, :]
            shares = logits.flatten(-2).softmax(-1).view_as(logits)
            mixed = torch.einsum("nhabij,nijhd->nabhd", shares, value).flatten(3)
            seen[:, top : top + high, left : left + wide] = mixed
    result: Tensor = attention.proj(seen[:, :height, :width])
    return result


class TestProposals:
    def outputs(self, seed: int = 0) -> tuple[list[Tensor], list[Tensor]]:
        sizes = [(24, 20), (12, 10), (6, 5), (3, 3), (2, 2)]
        logits = [drawn(2, 1, *size, seed=seed) * 3 - 2 for size in sizes]
        return logits, [drawn(2, 4, *size, seed=seed + 9).abs() * 2 for size in sizes]

    @pytest.mark.parametrize("floor", [0.1, 0.25, 0.6, 0.99])
    def test_a_floor_only_leaves_out_what_is_under_it(self, floor: float, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proposals, "MOST", 50)
        monkeypatch.setattr(proposals, "MOST_OF_A_LEVEL", 100)
        for some, every in zip(propose(*self.outputs(), floor=floor), propose(*self.outputs()), strict=True):
            kept = every.scores > floor
            assert torch.equal(some.boxes, every.boxes[kept])
            assert torch.equal(some.scores, every.scores[kept])

    def test_boxes_lie_around_their_locations(self) -> None:
        logits = [torch.full((1, 1, 1, 2), -20.0) for _ in range(5)]
        distances = [torch.ones(1, 4, 1, 2) for _ in range(5)]
        logits[2][..., 1] = 3.0
        distances[2][0, :, 0, 1] = torch.tensor([1.0, 2.0, 0.0, 0.5])
        [some] = propose(logits, distances)
        assert some.boxes.tolist() == [[48 - 32, 16 - 64, 48 - 32 + 32, 16 + 16]]
        assert some.scores.item() == pytest.approx(math.sqrt(1 / (1 + math.exp(-3))))

    def test_a_box_has_a_least_size(self) -> None:
        logits = [torch.full((1, 1, 2, 2), -20.0) for _ in range(5)]
        logits[0][0, 0, 0, 0] = 1.0
        [some] = propose(logits, [torch.zeros(1, 4, 2, 2) for _ in range(5)])
        assert some.boxes[0].tolist() == pytest.approx([4, 4, 4.01, 4.01])

    def test_of_equal_boxes_the_better_stays_and_of_equal_scores_the_first(self) -> None:
        logits = [torch.full((1, 1, 1, 3), -20.0) for _ in range(5)]
        distances = [torch.zeros(1, 4, 1, 3) for _ in range(5)]
        logits[0][0, 0, 0] = torch.tensor([1.0, 1.0, 2.0])
        # All are 0, 0, 100, 100, but the last is as good as the first with another height.
        for place, stretch in enumerate((0.0, 0.1, 0.0)):
            x, y = 8 * place + 4, 4
            sides = torch.tensor([x, y, 100 - x, 100 + stretch - y]) / 8
            distances[0][0, :, 0, place] = sides
        [some] = propose(logits, distances)
        assert len(some.boxes) == 1
        assert some.boxes[0, 3].item() == pytest.approx(100)
        logits[0][0, 0, 0, 2] = -20.0
        [some] = propose(logits, distances)
        assert some.boxes[:, 3].tolist() == pytest.approx([100])

    def test_all_that_score_like_the_last_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proposals, "MOST", 3)
        logits = [torch.full((1, 1, 1, 6), -20.0) for _ in range(5)]
        logits[0][0, 0, 0] = torch.tensor([1.0, 3.0, 2.0, 1.0, 0.5, 1.0])
        [some] = propose(logits, [torch.full((1, 4, 1, 6), 0.5) for _ in range(5)])
        assert some.boxes[:, 0].tolist() == [8, 16, 0, 24, 40]

    def test_no_location_is_a_proposal_under_the_least_heat(self) -> None:
        logits = [torch.full((2, 1, 2, 2), -9.3) for _ in range(5)]
        for some in propose(logits, [torch.ones(2, 4, 2, 2) for _ in range(5)]):
            assert (some.boxes.shape, some.scores.shape) == ((0, 4), (0,))


PLACES = st.floats(-50, 300, width=32)
SIDES = st.floats(0.125, 200, width=32)


class TestBoxes:
    @settings(max_examples=50, deadline=None)
    @given(x=PLACES, y=PLACES, width=SIDES, height=SIDES, weights=st.sampled_from(boxes.DELTA_WEIGHTS))
    def test_no_change_is_no_change_and_units_move_by_a_side(
        self, x: float, y: float, width: float, height: float, weights: tuple[float, ...]
    ) -> None:
        box = torch.tensor([[x, y, x + width, y + height]])
        width, height = (box[0, 2] - x).item(), (box[0, 3] - y).item()
        torch.testing.assert_close(moved(box, torch.zeros(1, 4), weights), box, rtol=1e-5, atol=1e-3)
        shifted = moved(box, torch.tensor([[weights[0], -weights[1], 0.0, 0.0]]), weights)
        torch.testing.assert_close(shifted, box + torch.tensor([[width, -height] * 2]), rtol=1e-5, atol=1e-3)
        doubled = moved(box, torch.tensor([[0.0, 0.0, math.log(2) * weights[2], 0.0]]), weights)
        wider = box + torch.tensor([[-width / 2, 0, width / 2, 0]])
        torch.testing.assert_close(doubled, wider, rtol=1e-5, atol=1e-3)

    def test_a_side_grows_by_no_more_than_62_5(self) -> None:
        grown = moved(
            torch.tensor([[0.0, 0.0, 16.0, 16.0]]), torch.tensor([[0.0, 0.0, 1e6, 1e6]]), boxes.DELTA_WEIGHTS[0]
        )
        torch.testing.assert_close(grown, torch.tensor([[-492.0, -492.0, 508.0, 508.0]]))

    @settings(max_examples=50, deadline=None)
    @given(box=st.tuples(PLACES, PLACES, PLACES, PLACES))
    def test_a_clipped_box_is_in_the_frame_and_stays(self, box: tuple[float, ...]) -> None:
        once = clipped(torch.tensor([box]), (70, 90))
        assert bool(((once >= 0) & (once <= torch.tensor([90, 70, 90, 70]))).all())
        assert torch.equal(clipped(once, (70, 90)), once)

    @pytest.mark.parametrize(("side", "level"), [(0, 0), (1, 0), (223.9, 0), (224, 1), (447, 1), (448, 2), (9000, 2)])
    def test_large_boxes_are_read_from_coarse_levels(self, side: float, level: int) -> None:
        assert (
            level_of(torch.tensor([[0.0, 0.0, side, side], [5.0, 5.0, 5 + side / 2, 5 + side * 2]])).tolist()
            == [level] * 2
        )

    @pytest.mark.parametrize("least", [0.3, 0.5, 0.7])
    def test_proposals_are_dropped_early_only_if_they_cannot_be_kept(self, least: float) -> None:
        heads = network().roi_heads
        levels = [drawn(2, SMALL.channels, 24 >> i, 32 >> i, seed=i) for i in range(3)]
        corners = drawn(60, 2).abs() * 60
        given_boxes = torch.cat((corners, corners + drawn(60, 2, seed=1).abs() * 50 + 5), dim=1)
        given_scores = torch.rand(60, generator=torch.Generator().manual_seed(2)).sort(descending=True).values
        given_ = [
            proposals.Proposals(given_boxes, given_scores),
            proposals.Proposals(given_boxes[:9], given_scores[:9]),
        ]
        for found, some, frame in zip(heads(levels, given_, (180, 250), least), given_, (0, 1), strict=True):
            here, total = some.boxes, torch.zeros(len(some.boxes))
            for number in range(3):
                pooled = boxes.pool(levels, here, torch.full((len(here),), frame), 7)
                seen = heads.stage(number, pooled, here)
                total = total + seen.logits.softmax(1)[:, 0]
                here = clipped(seen.boxes, (180, 250))
            scores = (total / 3 * some.scores).sqrt()
            rows = [i for i in scores.argsort(descending=True).tolist() if scores[i] > least]
            kept: list[int] = []
            for i in rows:
                if all(overlap(here[i], here[j]) <= 0.5 for j in kept):
                    kept.append(i)
            assert found.rows.tolist() == kept
            torch.testing.assert_close(found.scores, scores[kept])
            torch.testing.assert_close(found.boxes, here[kept])
            assert found.finite


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union."""
    sides = (torch.minimum(one[2:], other[2:]) - torch.maximum(one[:2], other[:2])).clamp(min=0)
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    both = float(sides[0] * sides[1])
    return both / (sum(areas) - both)


class TestWords:
    features = drawn(7, 196, SMALL.channels, seed=3)

    def test_word_by_word_is_the_whole_at_once(self) -> None:
        tokens = torch.randint(200, SMALL.vocabulary, (7, 6), generator=torch.Generator().manual_seed(0))
        decoder = network().text
        memory = decoder.remember(self.features, 6)
        by_step = torch.stack([decoder.step(memory, column) for column in tokens.unbind(1)], dim=1)
        torch.testing.assert_close(by_step, whole_logits(decoder, self.features, tokens), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("copied_from", [1, 4, 10**9])
    @pytest.mark.parametrize("beams", [1, 2, 3])
    def test_the_search_is_the_published_one(
        self, beams: int, copied_from: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words, "COPIED_FROM", copied_from)
        written = network().text.search(self.features, OBJECTS, beams, 12)
        expected = published_search(network().text, self.features, OBJECTS, beams, 12)
        assert torch.equal(written.tokens, expected.tokens)
        torch.testing.assert_close(written.log_probabilities, expected.log_probabilities, rtol=1e-4, atol=1e-4)
        lengths = (written.tokens != SEP).sum(dim=2)
        assert lengths.min() < lengths.max() - 2, "texts end at different places"

    @pytest.mark.parametrize("beams", [1, 3])
    def test_no_text_depends_on_another(self, beams: int) -> None:
        together = network().text.search(self.features, CAPTIONS, beams, 12)
        for row, features in enumerate(self.features):
            alone = network().text.search(features[None], CAPTIONS, beams, 12)
            length = alone.tokens.shape[2]
            assert torch.equal(together.tokens[row, :, :length], alone.tokens[0])
            assert bool((together.tokens[row, :, length:] == SEP).all())
            torch.testing.assert_close(together.log_probabilities[row], alone.log_probabilities[0])

    def test_no_word_is_written_twice_in_a_row(self) -> None:
        tokens = network().text.search(self.features, OBJECTS).tokens[..., 1:]
        assert not bool(((tokens[..., 1:] == tokens[..., :-1]) & (tokens[..., 1:] != SEP)).any())
        assert tokens.shape[2] < 40


def whole_logits(decoder: TextDecoder, features: Tensor, tokens: Tensor) -> Tensor:
    """Of what follows each token [R, L], without anything kept: [R, L, vocabulary]."""
    seen, length = features.shape[1], tokens.shape[1]
    embedded = decoder.embedding["words"](tokens) + decoder.embedding["positions"].weight[:length]
    x = torch.cat((decoder.object_feature_projection(features), decoder.embedding["layer_norm"](embedded)), dim=1)
    hidden = torch.zeros(seen + length, seen + length)
    hidden[:, seen:] = torch.full((seen + length, length), -math.inf)
    hidden[seen:, seen:] = torch.full((length, length), -math.inf).triu(1)
    for layer in decoder._layers:
        own, split = layer.attention["self"], (layer.heads, x.shape[2] // layer.heads)
        query, key, value = (own[name](x).unflatten(2, split).transpose(1, 2) for name in ("query", "key", "value"))
        shares = (query @ key.mT / math.sqrt(split[1]) + hidden).softmax(-1)
        mixed = layer.attention["output"]["dense"]((shares @ value).transpose(1, 2).flatten(2))
        x = layer.attention["output"]["LayerNorm"](mixed + x)
        wide = layer.output["dense"](F.gelu(layer.intermediate["dense"](x)))
        x = layer.output["LayerNorm"](wide + x)
    logits: Tensor = decoder.output(x[:, seen:])
    return logits


def published_search(decoder: TextDecoder, features: Tensor, begin: int, beams: int, most_tokens: int) -> Written:
    """Every text and beam by itself, with nothing kept; the first words of a text are its beams' beginnings."""
    texts, means = [], []
    for one in features:
        first = whole_logits(decoder, one[None], torch.tensor([[begin]]))[0, -1].log_softmax(0)
        tree = [([begin, int(word)], float(first[word])) for word in first.topk(beams).indices]
        while len(tree[0][0]) < most_tokens:
            grown = []
            for tokens, total in tree:
                if tokens[-1] == SEP:
                    grown.append(([*tokens, SEP], total))
                    continue
                logits = whole_logits(decoder, one[None], torch.tensor([tokens]))[0, -1]
                if len(tokens) > 1:
                    logits[tokens[-1]] = FORBIDDEN
                word = int(logits.argmax())
                grown.append(([*tokens, word], total + float(logits.log_softmax(0)[word])))
            tree = sorted(grown, key=lambda item: -item[1])
        texts.append([tokens for tokens, _ in tree])
        means.append([total / max(1, sum(t != SEP for t in ids) + (SEP in ids) - 1) for ids, total in tree])
    written = torch.tensor(texts)
    ended = (written == SEP).flatten(0, 1).all(dim=0)
    length = int((~ended).sum()) + (1 if ended.any() else 0)
    return Written(written[:, :, :length], torch.tensor(means))
