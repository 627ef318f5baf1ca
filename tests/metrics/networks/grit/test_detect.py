"""A frame's detections are its own, whatever it lies beside, and what does not fit is said."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import CAPTIONS, OBJECTS, boxes, words
from i2vbench.metrics.networks.wordpiece import SEP
from tests.metrics.networks.grit.small import HEAD, SMALL, TEXT, altered, assert_same, frames, network


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
