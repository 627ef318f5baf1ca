"""What is told of annotations that no video can meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2vbench.doubts import doubts
from i2vbench.metrics.base import Metric
from i2vbench.metrics.object_consistency import ObjectConsistency
from i2vbench.metrics.scene_consistency import SceneConsistency
from i2vbench.profiles import load_profile
from i2vbench.types import FrameSource, Sample


def sample(id_: str, objects: tuple[str, ...] = (), scene: str = "") -> Sample:
    return Sample(id_, "Food", "a prompt", FrameSource(Path("x.png")), objects=objects, scene=scene)


@pytest.mark.parametrize(
    ("metric", "made", "told"),
    [
        (ObjectConsistency(), sample("a", ("dog",)), ""),
        (ObjectConsistency(), sample("a", ("hot dog",)), ""),
        (
            ObjectConsistency(),
            sample("a", ("food",)),
            "outside of the detector's 80 names, which no frame can match: 'food'",
        ),
        (ObjectConsistency(), sample("a", ("Dog",)), "matches to the letter: 'Dog' for 'dog'"),
        (ObjectConsistency(), sample("a", ("puppies", "dog")), "'puppies' for 'dog'"),
        (ObjectConsistency(), sample("a", ("dog", "cat")), "several object words, all of which a frame must name"),
        (ObjectConsistency(), sample("a", ("dogs", "Essen")), "80 names, which no frame can match: 'Essen'"),
        (ObjectConsistency("synonyms"), sample("a", ("puppies",)), ""),
        (ObjectConsistency("synonyms"), sample("a", ("food",)), "outside of the detector's 80 names"),
        (SceneConsistency(), sample("a", scene="ski slope"), ""),
        (SceneConsistency(), sample("a", scene="beach, sand"), "(blanks divide words): 'beach,'"),
        (SceneConsistency(), sample("a", scene="farmers' market"), ""),
        (SceneConsistency(), sample("a", scene="new year's 7up o'clock"), ""),
        (SceneConsistency(), sample("a", scene="Alley"), "'Alley' (written 'alley')"),
        (SceneConsistency(), sample("a", scene="old café"), "'café' (written 'cafe')"),
        (SceneConsistency(), sample("a", scene="drive-in"), "'drive-in' (written 'drive - in')"),
        (SceneConsistency(), sample("a", scene="城市"), "'城市' (written '城')"),
        (SceneConsistency(), sample("a", scene="beach 🏖"), "'🏖' (written not at all)"),
    ],
)
def test_words_that_are_never_found(metric: Metric, made: Sample, told: str) -> None:
    assert told in "; ".join(metric.doubts(made))
    assert bool(told) == bool(metric.doubts(made))


def taught(metric: Metric) -> Metric:
    """Under the tiny profile, whose networks were taught a few words alone."""
    metric.prepare(load_profile("tiny"))
    return metric


@pytest.mark.parametrize(
    ("metric", "made", "told"),
    [
        (ObjectConsistency(), sample("a", ("cat",)), ""),
        (ObjectConsistency(), sample("a", ("rocket",)), ""),
        (
            ObjectConsistency(),
            sample("a", ("person",)),
            "object words that the small network was never taught: 'person'",
        ),
        (ObjectConsistency(), sample("a", ("cats",)), "never taught: 'cats'"),
        (ObjectConsistency("synonyms"), sample("a", ("cats",)), ""),
        (ObjectConsistency("synonyms"), sample("a", ("airplane",)), ""),
        (ObjectConsistency("synonyms"), sample("a", ("tie",)), "never taught: 'tie'"),
        (SceneConsistency(), sample("a", scene="garden"), ""),
        (SceneConsistency(), sample("a", scene="red mount"), ""),
        (
            SceneConsistency(),
            sample("a", scene="car interior"),
            "scene words that the small network was never taught: 'i",
        ),
    ],
)
def test_words_that_a_small_network_never_had(metric: Metric, made: Sample, told: str) -> None:
    doubts = taught(metric).doubts(made)
    assert told in "; ".join(doubts)
    assert len(doubts) == bool(told)


def test_a_line_counts_a_kind_and_lists_what_differs() -> None:
    samples = [sample(f"s{i}", (word,)) for i, word in enumerate(["food", "food", "dog", "pasta", "Dogs"])]
    samples += [sample("bare"), sample("scenic", scene="Alley")]
    lines = doubts([ObjectConsistency(), SceneConsistency()], samples)
    assert lines == [
        "object_consistency: 3 of 5 samples have object words outside of the detector's 80 names, which no frame can "
        "match: 'food'; 'pasta' (first: s0)",
        "object_consistency: 1 of 5 samples have object words that the detector writes otherwise, so that no frame "
        "matches to the letter: 'Dogs' for 'dog' (first: s4)",
        "scene_consistency: 1 of 1 samples have scene words that captions never hold as they are annotated: 'Alley' "
        "(written 'alley') (first: scenic)",
    ]


def test_each_kind_is_said_of_its_own_words() -> None:
    exact, synonyms = (ObjectConsistency(variant).doubts(sample("a", ("food", "Dogs"))) for variant in ("", "synonyms"))
    assert [doubt.partition(": ")[2] for doubt in exact] == ["'food'", "'Dogs' for 'dog'", ""]
    assert [doubt.partition(": ")[2] for doubt in synonyms] == ["'food'", ""]
    stops, wrong = SceneConsistency().doubts(sample("a", scene="Café t-shirt sea, shore!"))
    assert stops.endswith(": 'sea,', 'shore!'")
    assert wrong.endswith(": 'Café' (written 'cafe'), 't-shirt' (written 't - shirt')")


def test_a_long_listing_is_cut() -> None:
    [line] = doubts([ObjectConsistency()], [sample(f"s{i}", (f"thing{i}",)) for i in range(9)])
    assert "'thing4' and 4 more (first: s0)" in line
