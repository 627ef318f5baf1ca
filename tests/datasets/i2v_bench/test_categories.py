"""A text names a category of Table 4 exactly, or none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.datasets.i2v_bench.categories import CATEGORIES, category_of_path, match_category

# The paper's Table 4 as printed, row by row.
TABLE_4 = """
Portrait 663 Animation-Static 120 Scenery-Nature 500 Music 63 Pet 393 Game 61 Food 269 Animal 55 Animation-Hard 187
Industry 44 Science 180 Painting 40 Sports 149 Others 40 Scenery-City 138 Vehicle 30 Drama 19
"""


def test_order_and_counts_are_those_of_table_4_and_add_up_to_its_total() -> None:
    printed = TABLE_4.split()
    assert list(CATEGORIES.items()) == list(zip(printed[::2], map(int, printed[1::2]), strict=True))
    assert (len(CATEGORIES), sum(CATEGORIES.values())) == (17, 2951)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("portrait", "Portrait"),
        ("PETS", "Pet"),
        ("Animals", "Animal"),
        ("Sport", "Sports"),
        ("other", "Others"),
        ("Industries", "Industry"),
        ("scenery_nature", "Scenery-Nature"),
        ("Scenery Nature", "Scenery-Nature"),
        ("Scenery/Nature", "Scenery-Nature"),
        ("SceneryNature", "Scenery-Nature"),
        ("Scenery (City)", "Scenery-City"),
        ("Scenery & Nature", "Scenery-Nature"),
        ("animation－hard", "Animation-Hard"),  # a full-width hyphen
        ("S-N", "Scenery-Nature"),
        ("s_c", "Scenery-City"),
        ("A-H", "Animation-Hard"),
        ("A/S", "Animation-Static"),
        (" Food \n", "Food"),
    ],
)
def test_spellings_that_name_a_category(text: str, category: str) -> None:
    assert match_category(text) == category


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "Scenery", "Animation", "Nature", "City", "Hard", "Static", "AS", "as", "sn", "N-S", "S-N-C"),
        *("Nature Scenery", "Cats", "Pet 2", "Pet2", "01_Pet", "Carpet", "Petition", "an imal", "Foodie", "Musics"),
        *("Pet Food", "Portrait-Animation", "Sports-Car", "其他", "Ρet"),
    ],
)
def test_what_is_only_like_a_category_names_none(text: str) -> None:
    assert match_category(text) is None


@given(
    st.sampled_from(list(CATEGORIES)),
    st.sampled_from(["-", "_", " ", "/", " - ", "", "--"]),
    st.randoms(),
    st.booleans(),
)
def test_case_and_what_parts_the_words_do_not_count(name: str, mark: str, rng: random.Random, padded: bool) -> None:
    text = mark.join(name.split("-"))
    text = "".join(rng.choice((char.lower(), char.upper())) for char in text)
    assert match_category(f" {text}_" if padded else text) == name


@given(st.text(max_size=12))
def test_any_other_text_names_a_category_or_none_and_never_fails(text: str) -> None:
    assert match_category(text) in (None, *CATEGORIES)


@given(st.sampled_from(list(CATEGORIES)), st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=2, max_size=6))
def test_a_longer_word_is_another_word(name: str, more: str) -> None:
    plural = {"es", "ies"}  # "industry" + "ies" is none either, but say so of what may look like a plural
    assert match_category(name + more) is None or more in plural


@pytest.mark.parametrize(
    ("folders", "categories"),
    [
        (("I2V-Bench", "Pet"), {"Pet"}),
        (("Scenery", "Nature"), {"Scenery-Nature"}),
        (("data", "Animation", "Hard", "mp4"), {"Animation-Hard"}),
        (("Animal", "Pet"), {"Animal", "Pet"}),
        (("Nature", "Scenery"), set()),
        ((), set()),
    ],
)
def test_folders_name_a_category_alone_or_with_the_one_above(folders: tuple[str, ...], categories: set[str]) -> None:
    assert category_of_path(folders) == categories
