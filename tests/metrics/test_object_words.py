"""The detector's names and the words that stand for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.metrics.networks.wordpiece import as_written
from i2vbench.metrics.object_words import is_known, lemma, vocabulary


def test_the_vocabulary_is_cocos() -> None:
    assert len(vocabulary()) == 80
    assert {"person", "hot dog", "tv", "hair drier", "donut"} <= set(vocabulary())
    assert all(as_written(name) == name for name in vocabulary()), "a name that the decoder cannot write is never found"


def test_no_word_stands_for_two_names() -> None:
    words = [word for name, words in vocabulary().items() for word in (name, *words)]
    assert len(words) == len(set(words))
    assert all(word == " ".join(word.casefold().split()) for word in words), "they are compared in this form"


@pytest.mark.parametrize("name", vocabulary())
def test_a_name_and_all_that_stands_for_it_are_one(name: str) -> None:
    assert {lemma(word) for word in (name, *vocabulary()[name])} == {name}


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *[("dogs", "dog"), ("Dog", "dog"), ("a dog", "dog"), ("the  dogs", "dog"), ("puppies", "dog")],
        *[("dog's", "dog"), ("an  apple", "apple")],
        *[("hot dogs", "hot dog"), ("hotdog", "hot dog"), ("mice", "mouse"), ("knives", "knife"), ("people", "person")],
        *[("women", "person"), ("geese", "bird"), ("skis", "skis"), ("scissors", "scissors"), ("sheep", "sheep")],
        *[("lions", "lion"), ("food", "food"), ("", ""), ("Häuser", "häuser"), ("城市", "城市")],
    ],
)
def test_case_article_and_plural_do_not_count(word: str, meant: str) -> None:
    assert lemma(word) == meant


@pytest.mark.parametrize("wide", ["animal", "food", "vehicle", "pet", "fruit", "furniture"])
def test_a_wider_word_stands_for_nothing(wide: str) -> None:
    assert not is_known(lemma(wide))


@given(st.text(max_size=20))
def test_any_text_has_a_lemma(text: str) -> None:
    assert isinstance(lemma(text), str)
    assert lemma(text) == lemma(f"  {text.casefold()} ")
