"""Object consistency around its detector: which frames, which words, which rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from i2vbench.measure import measure_clips
from i2vbench.metrics.networks.grit import Detections
from i2vbench.metrics.object_consistency import ObjectConsistency
from i2vbench.profiles import load_profile
from i2vbench.types import Clip, FrameSource, Sample, Video


class Detector(nn.Module):
    """Says of a frame what its brightness stands for."""

    def __init__(self, names: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.names = names
        self.shown: list[list[int]] = []
        self.sizes: list[tuple[int, ...]] = []

    def detect(self, frames: Tensor) -> list[Detections]:
        which = [round(value) for value in frames.float().mean((1, 2, 3)).tolist()]
        self.shown.append(which)
        self.sizes.append(tuple(frames.shape[2:]))
        return [self._detections(self.names[i]) for i in which]

    def _detections(self, names: Sequence[str]) -> Detections:
        boxes = torch.tensor([[0.0, 0.0, 10.0, 20.0]] * len(names)).reshape(-1, 4)
        scores = torch.linspace(0.9, 0.6, len(names))
        return Detections(boxes=boxes, scores=scores, box_scores=scores, names=list(names))


def clip_of(num_frames: int, objects: tuple[str, ...] = ("dog",), height: int = 32, width: int = 48) -> Clip:
    """Frame i has the brightness i throughout."""
    frames = np.broadcast_to(
        np.arange(num_frames, dtype=np.uint8)[:, None, None, None], (num_frames, height, width, 3)
    ).copy()
    return Clip(Sample("a", "Pet", "a prompt", FrameSource(Path("x.png")), objects=objects), Video(frames, 8.0))


def metric_with(names: Sequence[Sequence[str]], variant: str = "") -> ObjectConsistency:
    metric = ObjectConsistency(variant)
    metric._network = Detector(names)
    return metric


def test_the_share_of_frames_that_name_the_word() -> None:
    names = [["dog", "person"]] * 12 + [["dogs"], ["hot dog"], [], ["cat"]]
    [measured] = metric_with(names).measure([clip_of(16)])
    assert measured.value == 12 / 16
    details = measured.details
    assert (details["successes"], details["frames"], details["rule"], details["words"]) == (12, 16, "exact", ["dog"])
    assert details["value_exact"] == 12 / 16
    assert details["value_synonyms"] == 13 / 16, "dogs are a dog, a hot dog is none"
    assert details["succeeded"]["exact"] == [True] * 12 + [False] * 4
    assert details["succeeded"]["synonyms"][12:] == [True, False, False, False]
    assert [box["name"] for box in details["objects"][0]] == ["dog", "person"]
    assert details["objects"][0][0]["box"] == [0, 0, 10, 20]
    assert details["objects"][14] == []


def test_the_other_rule_is_a_column_of_its_own() -> None:
    names = [["dog"]] * 8 + [["person"]] * 8
    exact, synonyms = metric_with(names), metric_with(names, "synonyms")
    clip = clip_of(16, objects=("Puppies",))
    by_letter, by_meaning = (metric.measure([clip])[0] for metric in (exact, synonyms))
    assert (by_letter.value, by_meaning.value) == (0, 0.5)
    assert (by_letter.details["counted_names"], by_meaning.details["counted_names"]) == ([], ["dog"])
    assert by_meaning.details["successes"] == 8, "of which its cells are made"
    assert synonyms.info.id == "object_consistency_synonyms"
    assert synonyms.info.title == "Object Consistency (synonyms)"
    assert "no published number" in synonyms.info.source


@pytest.mark.parametrize("num_frames", [1, 3, 15, 16, 17, 33, 200])
def test_sixteen_frames_are_judged_and_each_is_looked_at_once(num_frames: int) -> None:
    metric = metric_with([["dog"]] * num_frames)
    [measured] = metric.measure([clip_of(num_frames)])
    indices = measured.details["frame_indices"]
    assert len(indices) == 16
    assert metric._network.shown == [sorted(set(indices))]
    assert measured.value == 1


def test_the_detector_is_shown_the_pixels_of_the_frames_red_green_blue() -> None:
    seen: list[Tensor] = []

    class Watching(Detector):
        def detect(self, frames: Tensor) -> list[Detections]:
            seen.append(frames)
            return [self._detections([])] * len(frames)

    frames = np.random.default_rng(0).integers(256, size=(16, 32, 48, 3), dtype=np.uint8)
    metric = ObjectConsistency()
    metric._network = Watching([])
    metric.measure([replace(clip_of(16), video=Video(frames, 8.0))])
    torch.testing.assert_close(seen, [torch.from_numpy(frames.transpose(0, 3, 1, 2).copy())])


@pytest.mark.parametrize(
    ("words", "value"), [(("cat",), 0.5), (("cats",), None), (("person",), None), (("cat", "tie"), None)]
)
def test_a_small_network_does_not_judge_words_that_it_was_never_taught(
    words: tuple[str, ...], value: float | None
) -> None:
    metric = metric_with([["cat"]] * 8 + [[]] * 8)
    metric.prepare(load_profile("tiny"))
    [measured] = measure_clips(metric, [clip_of(16, objects=words)])
    assert measured.value == value
    if value is None:
        assert measured.not_applicable == (
            "the sample has object words that are not among the 21 which the small network was taught"
        )
        assert not metric._network.shown, "such a clip is not looked at"


def test_the_published_network_judges_whatever_is_asked() -> None:
    [measured] = metric_with([["cat"]] * 16).measure([clip_of(16, objects=("rabbit",))])
    assert measured.value == 0
    assert "outside of the detector's 80 names" in measured.details["doubts"][0]


def test_a_short_clip_counts_its_last_frame_again() -> None:
    [measured] = metric_with([["dog"], ["dog"], ["cat"]]).measure([clip_of(3)])
    assert measured.details["frame_indices"] == [0, 1] + [2] * 14
    assert measured.value == 2 / 16


def test_both_readings_look_once() -> None:
    exact = metric_with([["dog"]] * 16)
    synonyms = ObjectConsistency("synonyms")
    synonyms._network = exact._network
    clip = clip_of(16)
    exact.measure([clip])
    synonyms.measure([clip])
    assert len(exact._network.shown) == 1
    exact.measure([clip_of(16)])
    assert len(exact._network.shown) == 2, "another clip is looked at anew"


def test_of_several_words_all_must_be_named() -> None:
    names = [["dog"], ["cat", "dog"], ["cat"], []] * 4
    [measured] = metric_with(names).measure([clip_of(16, objects=("dog", "cat"))])
    assert measured.value == 4 / 16


def test_nothing_detected_is_a_zero_and_a_fault_is_a_reason() -> None:
    [measured] = metric_with([[]] * 16).measure([clip_of(16)])
    assert measured.value == 0
    metric = metric_with([["dog"]] * 16)
    sound = metric._network._detections
    metric._network._detections = lambda names: replace(sound(names), fault="the features are not finite")
    [faulty] = metric.measure([clip_of(16)])
    assert faulty.value is None
    assert faulty.error is not None
    assert faulty.error == "16 of 16 frames cannot be judged (first: frame 0: the features are not finite)"


def test_one_faulty_frame_is_enough() -> None:
    metric = metric_with([["dog"]] * 15 + [["fault"]])
    sound = metric._network._detections
    metric._network._detections = lambda names: replace(sound(names), fault="no" if "fault" in names else "")
    [faulty] = metric.measure([clip_of(16)])
    assert faulty.error == "1 of 16 frames cannot be judged (first: frame 15: no)"


def test_large_frames_are_shrunk_and_boxes_are_of_the_video() -> None:
    metric = metric_with([["dog"]])
    [measured] = metric.measure([clip_of(1, height=800, width=4001)])
    # 3600.9 is cut: the sides are not scaled alike.
    assert metric._network.sizes == [(720, 3600)]
    box = measured.details["objects"][0][0]["box"]
    assert box == [0, 0, 11.1, 22.2]
    [network_box] = metric._network._detections(["dog"]).boxes.tolist()
    seen = metric.look(clip_of(1, height=800, width=4001).video)[0].boxes.tolist()
    assert seen == [pytest.approx([0, 0, network_box[2] * 4001 / 3600, network_box[3] * 800 / 720])]
    assert measured.details["frame_size"] == [800, 4001]


def test_words_that_are_never_found_are_in_the_details() -> None:
    [measured] = metric_with([["dog"]] * 16).measure([clip_of(16, objects=("food",))])
    assert measured.value == 0
    assert "outside of the detector's 80 names" in measured.details["doubts"][0]


def test_what_is_measured_can_be_stored() -> None:
    [measured] = measure_clips(metric_with([["dog", "Ünïcode \u2028 <b>"]] * 16), [clip_of(16)])
    assert measured.value == 1, measured.error
