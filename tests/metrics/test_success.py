"""Object names are compared whole, scene words as parts of captions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.metrics.success import object_successes, scene_successes

names = st.lists(st.lists(st.text(max_size=4), max_size=3), max_size=6)


@pytest.mark.parametrize("seen", ["dogs", "a dog", "Dog", "dog ", "hot dog", "do"])
def test_another_form_of_the_word_is_no_success(seen: str) -> None:
    assert object_successes("dog", [[seen], ["cat", seen]]) == 0
    assert object_successes("dog", [[seen, "dog"], ["dog", "dog"], []]) == 2


@given(names, st.text(max_size=4))
def test_a_frame_counts_once_wherever_it_stands(frames: list[list[str]], word: str) -> None:
    assert object_successes(word, frames) == object_successes(word, [f[::-1] * 2 for f in frames[::-1]])
    assert 0 <= object_successes(word, frames) <= len(frames)


def test_every_word_must_be_in_the_caption() -> None:
    captions = ["skis on a hill with slopes", "a slope", "a ski lift", "Ski Slope"]
    assert scene_successes("ski slope", captions) == 1
    assert scene_successes("sky", ["skyscraper", "a blue sky", ""]) == 2
    assert scene_successes("sky  blue", ["a blue sky"]) == 1, "between two blanks is the empty word"
