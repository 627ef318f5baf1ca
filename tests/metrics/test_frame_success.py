"""Object names are compared whole, scene words as parts of captions; a cell is all successes over all frames."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from i2vbench.metrics.frame_success import names_object, tells_scene
from i2vbench.metrics.object_consistency import ObjectConsistency
from i2vbench.metrics.scene_consistency import SceneConsistency
from i2vbench.types import Measurement


@pytest.mark.parametrize("seen", ["dogs", "a dog", "Dog", "dog ", "hot dog", "do"])
def test_another_form_of_the_word_is_no_success(seen: str) -> None:
    assert not names_object(["dog"], [seen])
    assert names_object(["dog"], [seen, "dog"])
    assert not names_object(["dog"], [])


def test_of_several_words_all_must_be_named() -> None:
    assert names_object(["dog", "cat"], ["cat", "person", "dog"])
    assert not names_object(["dog", "cat"], ["dog", "dog"])


@given(st.lists(st.text(max_size=4), max_size=4), st.text(max_size=4))
def test_neither_order_nor_number_of_names_counts(names: list[str], word: str) -> None:
    assert names_object([word], names) == names_object([word], names[::-1] * 2) == (word in names)


def test_every_word_must_be_in_the_caption() -> None:
    captions = ["skis on a hill with slopes", "a slope", "a ski lift", "Ski Slope"]
    assert [tells_scene("ski slope", caption) for caption in captions] == [True, False, False, False]
    assert [tells_scene("sky", caption) for caption in ["skyscraper", "a blue sky", ""]] == [True, True, False]
    assert tells_scene("sky  blue", "a blue sky"), "between two blanks is the empty word"
    assert not tells_scene("sky\tblue", "a blue sky"), "a tab divides nothing"


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from([8, 11, 16])), min_size=1, max_size=9))
@example([(8, 8), (0, 16)])  # a third of the frames, half of the clips
@pytest.mark.parametrize("metric", [ObjectConsistency(), SceneConsistency("own-frames")])
def test_a_cell_is_all_successes_over_all_frames(
    metric: ObjectConsistency | SceneConsistency, clips: list[tuple[int, int]]
) -> None:
    measured = [
        Measurement(str(i), metric.info.id, value=n / of, details={"successes": n, "frames": of})
        for i, (n, of) in enumerate(clips)
    ]
    cell = metric.aggregate(iter(measured))
    assert cell.value == sum(n for n, _ in clips) / sum(of for _, of in clips)
    assert cell.n == len(clips)
    assert (cell.spread is None) == (len(clips) == 1)


def test_no_clip_gives_an_empty_cell() -> None:
    cell = ObjectConsistency().aggregate([])
    assert cell.value is None
    assert cell.note
