"""A study's file: what is damaged, or of another kind, is a sentence that says where."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i2vbench.errors import UserError
from i2vbench.human.study import FILE, read_study, write_study
from tests.human.studies import study_of


def test_a_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    study = replace(study_of(2, 3, categories=("Pet", "Food"), fps=7.5), limit=2)
    study = replace(study, items=(replace(study.items[0], broken=None), study.items[1]))
    write_study(tmp_path, study)
    assert read_study(tmp_path) == study


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("mode", "triples", "mode: expected one of choice, pairs, got 'triples'"),
        ("mode", [], "mode: expected one of"),
        ("models", "static", "models: expected a list, got 'static'"),
        ("models 0", 3, "models[0]: expected a text, got 3"),
        ("models 1", "Zebra-Large", "have one name"),
        ("questions", [], "it has no questions"),
        ("questions 0 text", None, "questions[0].text: expected a text, got None"),
        ("sources 0", {"dataset": "demo"}, "sources[0]: 'fingerprint' is missing"),
        ("sources 0 first_frames", 1, "sources[0].first_frames: expected an object"),
        ("items 0 more", 1, "items[0]: 'more' is unknown"),
        ("items 0", [], "items[0]: expected an object"),
        ("items 0 prompt", "half of a \ud800", "items[0].prompt: expected a text"),
        ("items 0 seed", True, "items[0].seed: expected a whole number, got True"),
        ("items 0 broken", 5, "its broken video is of no model"),
        ("items 0 videos", [], "its source or its videos are none"),
        ("per_rater", 0, "its tasks for each rater"),
        ("per_rater", "50", "per_rater: expected a whole number, got '50'"),
        ("checks", float("nan"), "checks: expected a number, got nan"),
        ("checks", 1, "checks: expected a share, got 1"),
        ("fps", 0, "rate of its videos"),
        ("consent", "You are shown videos.", "consent: expected a list"),
        ("categories", 1, "categories: expected a list"),
    ],
)
def test_what_is_no_study_is_told(tmp_path: Path, place: str, value: Any, says: str) -> None:
    write_study(tmp_path, study_of(2))
    said = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    *folders, last = (int(part) if part.isdigit() else part for part in place.split())
    inside = said
    for part in folders:
        inside = inside[part]
    inside[last] = value
    (tmp_path / FILE).write_text(json.dumps(said))
    with pytest.raises(UserError) as error:
        read_study(tmp_path)
    assert f"{FILE} is damaged: " in str(error.value)
    assert says in str(error.value)


def test_what_is_no_json_is_told(tmp_path: Path) -> None:
    for text, says in (
        ("[" * 100_000, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "states no layout"),
        ('{"format": 9}', "another version's layout"),
    ):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(UserError, match=says):
            read_study(tmp_path)
