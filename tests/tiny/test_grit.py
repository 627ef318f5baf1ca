"""The tiny GRiT: what comes with i2vbench finds and names things, and its recipe makes the same network each time."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from i2vbench.datasets.synthetic import KINDS, draw_clip, held_out
from i2vbench.metrics.base import read_network
from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import OBJECTS, GRiT, Sizes
from i2vbench.metrics.networks.grit.boxes import DELTA_WEIGHTS, moved
from i2vbench.metrics.networks.grit.proposals import propose
from i2vbench.metrics.object_consistency import ObjectConsistency
from i2vbench.progress import Quiet
from i2vbench.tiny import grit as recipe
from i2vbench.tiny import grit_losses as losses
from i2vbench.tiny import grit_pictures as pictures
from i2vbench.tiny.recipe import Curve
from i2vbench.types import Clip, FrameSource, Sample

SMALL = Sizes(
    stem=(8, 8, 16), width=16, depth=3, heads=2, window=4, grid=8, channels=16, groups=4, convolutions=1, box_width=8,
    text_width=16, text_depth=2, text_heads=2, vocabulary=7600, text_positions=4,
)  # fmt: skip
NORMS = (".norm", "layer_norm", "LayerNorm")


class Tiny(recipe.TinyGRiT):
    sizes = SMALL
    steps = 2


@functools.cache
def bundled() -> GRiT:
    return cast(GRiT, read_network("grit", "tiny_grit"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "CLIPS", 4)
    monkeypatch.setattr(recipe, "BATCH", 2)


def trained(folder: Path) -> dict[str, Tensor]:
    with Curve(folder / "curve.csv", Quiet(), "grit", Tiny.steps) as curve:
        return Tiny().train(curve)


class TestBundled:
    def test_it_finds_and_names_held_out_things(self) -> None:
        scores = recipe.of_pictures(bundled(), 60)
        assert scores["found"] > 0.5 > 3 * scores["commonest"]
        assert scores["wrong"] < 0.4
        assert scores["overlap"] > 0.7

    def test_object_consistency_tells_what_is_shown_from_what_is_not(self) -> None:
        metric = ObjectConsistency()
        metric.info = replace(metric.info, checkpoints=("tiny_grit",))
        metric.load("cpu", "float32")
        values = {True: 0.0, False: 0.0}
        for index in range(4):
            clip = draw_clip(held_out(index))
            shown = [thing.kind for thing in clip.things]
            for word in (shown[0], next(kind for kind in KINDS[index:] if kind not in shown)):
                sample = Sample("a", "Others", "a prompt", FrameSource(Path("x.png")), objects=(word,))
                [measured] = metric.measure([Clip(sample, clip.video)])
                values[word in shown] += measured.value or 0.0
        assert values[True] > 1.5 > 0.5 > values[False]


@pytest.mark.usefixtures("few")
class TestRecipe:
    def test_it_gives_what_load_takes_and_the_same_twice(self, tmp_path: Path) -> None:
        state, again = trained(tmp_path), trained(tmp_path)
        assert state.keys() == again.keys()
        assert all(torch.equal(state[key], again[key]) for key in state)
        torch.manual_seed(0)
        first = recipe.begin(SMALL).state_dict()
        untrained = [key for key in state if torch.equal(state[key], first[key])]
        # No thing is so large that levels after the first would find it.
        assert all("top_block" in key or "scales" in key for key in untrained)
        loaded = grit.load({key: tensor.half() for key, tensor in state.items()}, SMALL)
        assert len(loaded.detect(torch.zeros(2, 3, 128, 128))) == 2
        rows = (tmp_path / "curve.csv").read_text().splitlines()
        assert rows[0] == "step,kinds,heat,sides,objects,moves,words,labels"
        assert len(rows) == 3

    def test_a_network_sees_after_training_as_one_that_was_read(self) -> None:
        network = recipe.begin(SMALL)
        frames = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
        network.backbone(frames).pop().sum().backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1
        read = grit.load({key: x.clone() for key, x in network.state_dict().items() if "num_batches" not in key}, SMALL)
        for ours, expected in zip(network.eval().backbone(frames), read.backbone(frames), strict=True):
            torch.testing.assert_close(ours, expected)

    def test_scores_are_of_what_is_there(self) -> None:
        scores = Tiny().scores.keys()
        assert recipe.of_pictures(recipe.begin(SMALL).eval(), 3).keys() < scores


class TestPictures:
    def test_boxes_are_around_what_is_set(self) -> None:
        clip = draw_clip(held_out(1))
        masks = torch.from_numpy(clip.layers)[:, None] == torch.arange(1, len(clip.things) + 1).view(-1, 1, 1)
        boxes = pictures.mask_boxes(masks).transpose(0, 1)
        true = torch.from_numpy(clip.boxes)
        torch.testing.assert_close(boxes[~true.isnan()], true[~true.isnan()])

    def test_boxes_lie_on_things_that_are_moved_and_covered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Things are painted in one tone, by which they are found again in what was made of them."""
        pool = pictures.draw_pool(6, 0, 128)
        tones = torch.arange(0, 256, 10, dtype=torch.uint8)
        for frame, layers, kinds in zip(pool.frames, pool.layers, pool.kinds, strict=True):
            frame.copy_(torch.cat((torch.tensor([250], dtype=torch.uint8), tones[kinds]))[layers.long()])
        monkeypatch.setattr(pictures, "_spoilt", lambda frames, random: frames)
        batch = pictures.draw_batch(pool, 12, torch.Generator().manual_seed(0))
        assert sum(map(len, batch.boxes)) > 12
        for frame, boxes, kinds in zip(batch.frames, batch.boxes, batch.kinds, strict=True):
            assert len(boxes) == len(kinds)
            for box, kind in zip(boxes, kinds, strict=True):
                if int((kinds == kind).sum()) == 1:  # not also of the picture below
                    # Pixels of the tone itself; at edges it is mixed with others.
                    x1, y1, x2, y2 = box.int().tolist()
                    of_tone = (frame[0] - tones[kind]).abs() < 1e-3
                    of_tone[:y1], of_tone[y2:], of_tone[:, :x1], of_tone[:, x2:] = False, False, False, False
                    around = pictures.mask_boxes(of_tone)
                    assert box_iou(around[None], box[None]) > 0.7


class TestLosses:
    strides = (8, 16, 32, 64, 128)
    shapes = ((16, 16), (8, 8), (4, 4), (2, 2), (1, 1))
    boxes = torch.tensor([[10.0, 20.0, 40.0, 60.0], [70.0, 30.0, 128.0, 111.0], [50.0, 100.0, 70.0, 120.0]])

    def test_proposals_of_the_truth_are_the_boxes(self) -> None:
        found = losses.targets(self.boxes, self.shapes, self.strides)
        counts = [height * width for height, width in self.shapes]
        heat = [x.view(1, 1, *s) for x, s in zip(found.heat.split(counts), self.shapes, strict=True)]
        sides = [
            x.T.reshape(1, 4, *s) / stride
            for x, s, stride in zip(found.distances.split(counts), self.shapes, self.strides, strict=True)
        ]
        [some] = propose([torch.logit(x, 1e-6) for x in heat], sides, strides=self.strides)
        assert found.peaks.sum() >= 3
        best = some.boxes[some.scores > 0.999]
        for box in self.boxes:
            assert (best - box).abs().amax(dim=1).min() < 1e-3

    def test_what_is_nearly_the_truth_costs_less(self) -> None:
        found = losses.targets(self.boxes, self.shapes, self.strides)
        counts = [height * width for height, width in self.shapes]

        def cost(shift: float) -> float:
            centres = torch.where(found.peaks, 6.0 - shift, -6.0 + shift)
            logits = [x.view(1, 1, *s) for x, s in zip(centres.split(counts), self.shapes, strict=True)]
            sides = [
                (x.T.reshape(1, 4, *s) + shift) / stride
                for x, s, stride in zip(found.distances.split(counts), self.shapes, self.strides, strict=True)
            ]
            return float(sum(losses.proposal_losses(logits, sides, [self.boxes], self.strides)))

        assert cost(0) < 0.01 < cost(2) < cost(6)

    def test_a_frame_without_things_has_no_centre(self) -> None:
        found = losses.targets(torch.zeros(0, 4), self.shapes, self.strides)
        assert not found.heat.any()
        assert not found.peaks.any()
        assert not found.inside.any()

    @settings(max_examples=30, deadline=None)
    @given(
        box=st.tuples(*[st.floats(0, 60)] * 2, *[st.floats(65, 128)] * 2),
        to=st.tuples(*[st.floats(0, 60)] * 2, *[st.floats(65, 128)] * 2),
        weights=st.sampled_from(DELTA_WEIGHTS),
    )
    def test_deltas_move_a_box_to_another(
        self, box: tuple[float, ...], to: tuple[float, ...], weights: tuple[float, ...]
    ) -> None:
        here, there = torch.tensor([box]), torch.tensor([to])
        torch.testing.assert_close(moved(here, losses.deltas(here, there, weights), weights), there, rtol=0, atol=1e-3)

    def test_words_are_trained_as_they_are_written(self) -> None:
        decoder = recipe.begin(SMALL).text
        random = torch.Generator().manual_seed(0)
        features = torch.randn(3, 196, SMALL.channels, generator=random)
        tokens = torch.randint(7600, (3, 3), generator=random)
        tokens[:, 0] = OBJECTS
        with torch.no_grad():
            memory = decoder.remember(features, 3)
            expected = torch.stack([decoder.step(memory, column) for column in tokens.unbind(1)], dim=1)
            torch.testing.assert_close(losses.teacher_forced(decoder, features, tokens), expected)

    def test_every_parameter_learns(self) -> None:
        network = recipe.begin(SMALL)
        batch = pictures.draw_batch(pictures.draw_pool(2, 0, 128), 4, torch.Generator().manual_seed(0))
        labeller = torch.nn.Conv2d(SMALL.channels, len(KINDS) + 1, 1)
        cost = sum(recipe.step_losses(network, labeller, batch, torch.Generator().manual_seed(0)).values())
        assert isinstance(cost, Tensor)
        assert math.isfinite(cost.item())
        cost.backward()
        unused = [name for name, p in network.named_parameters() if p.grad is None]
        assert not unused
