"""Which boxes GRiT proposes, where they move to and which of them stay."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2vbench.metrics.networks.grit import boxes, proposals
from i2vbench.metrics.networks.grit.boxes import clipped, level_of, moved
from i2vbench.metrics.networks.grit.proposals import propose
from tests.metrics.networks.grit.small import SMALL, drawn, network


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


def test_locations_are_considered_from_a_heat_of_1_in_10_000_on() -> None:
    heat = torch.tensor([[[[2e-4, 5e-5, 1e-9]]]])
    [some] = propose([heat.logit()], [torch.ones(1, 4, 1, 3)], strides=(8,))
    assert some.scores.tolist() == pytest.approx([math.sqrt(2e-4)])
