"""A plan says what it means, or what is wrong with it and where."""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from i2vbench.curation.plan import EXAMPLE, Plan, load_plan
from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.errors import UserError


def write(folder: Path, text: str) -> Path:
    path = folder / "PLAN.toml"
    path.write_text(text, encoding="utf-8")
    return path


def defaults(kind: Any) -> dict[str, Any]:
    made = kind()
    return {f.name: getattr(made, f.name) for f in fields(kind)}


def test_the_example_has_every_setting_at_its_default(tmp_path: Path) -> None:
    """Or a user who copies it would change what it does not say."""
    said = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    plan = load_plan(EXAMPLE)
    for f in fields(Plan):
        if f.name in ("path", "name"):
            continue
        value = getattr(plan, f.name)
        if not is_dataclass(value):
            assert said[f.name] == value, f.name
            continue
        expected = defaults(type(value))
        assert set(said[f.name]) == set(expected), f.name
        assert {name: getattr(value, name) for name in expected if name != "queries"} == {
            name: default for name, default in expected.items() if name != "queries"
        }, f.name
    assert set(plan.sources.queries) <= set(CATEGORIES)


def test_without_numbers_of_its_own_a_plan_has_the_categories_of_table_4(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, 'name = "x"\n[sources]\nlist = "a.csv"\n'))
    assert plan.categories == tuple(CATEGORIES)
    assert plan.quota.total == 2951
    own = load_plan(write(tmp_path, 'name = "x"\n[sources]\nlist = "a.csv"\n[quota.clips]\nBirds = 3\nCars = 0\n'))
    assert own.categories == ("Birds", "Cars")


LIST = '[sources]\nlist = "a.csv"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name: expected the data set's name"),
        ('name = "x"', "sources: expected a list, queries or pages"),
        ('nam = "x"', "unknown setting 'nam'; did you mean name"),
        ("name = 3", "name: expected a text, got 3"),
        ('name = "x"\nmotion = 3', r"motion: expected a table, \[motion\]"),
        (f'name = "x"\n{LIST}[motion]\nmin_pixels = 1', "unknown setting 'motion.min_pixels'; did you mean min_px"),
        (f'name = "x"\n{LIST}[motion]\nmin_px = "1"', "motion.min_px: expected a number, got '1'"),
        (f'name = "x"\n{LIST}[motion]\nmin_px = -1', "motion.min_px: expected at least 0, got -1"),
        (f'name = "x"\n{LIST}[motion]\nmin_px = nan', "motion.min_px: expected a finite number"),
        (f'name = "x"\n{LIST}[motion]\nmin_px = 9\nmax_px = 8', "motion.min_px: 9 is more than max_px, 8"),
        (f'name = "x"\n{LIST}[picture]\nmax_bars = 1.5', "picture.max_bars: expected at most 1"),
        (f'name = "x"\n{LIST}[category]\non_mismatch = "guess"', "expected one of drop, move, keep"),
        (f'name = "x"\n{LIST}[quota.clips]\nPet = 1.5', "quota.clips.Pet: expected a whole number, got 1.5"),
        (f'name = "x"\n{LIST}[metadata]\nlicences = "cc"', "metadata.licences: expected a list of texts, got 'cc'"),
        ('name = "x"\n[sources.queries]\nPets = ["cat"]', "sources.queries.Pets: no such category; did you mean Pet"),
        ('name = "x"\n[sources.queries]\nPet = [" "]', "sources.queries.Pet: expected a list of texts"),
        (f'name = "x"\n{LIST}[category.prompts]\nDog = ["a"]', "category.prompts.Dog: no such category"),
        ("name = ", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load_plan(write(tmp_path, text))
    assert "PLAN.toml" in str(caught.value)


def test_a_plan_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file; `i2vbench data curate --print-plan > PLAN.toml`"):
        load_plan(tmp_path / "PLAN.toml")
