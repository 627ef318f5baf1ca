"""The tiny profile's aesthetic predictor sees damage, and can be made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip
from i2vbench.metrics.base import read_network
from i2vbench.progress import Quiet
from i2vbench.tiny import aesthetic
from i2vbench.tiny.recipe import Curve


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_it_tells_damaged_frames_from_clean_ones() -> None:
    scores = aesthetic.score(read_network("aesthetic", "tiny_aesthetic"), 32)
    # On 256 clips: 0.97, 0.74, 1, 1, 0.90, 0.98 and 0.68.
    assert scores["blur"] > 0.85
    assert scores["noise"] > 0.65
    assert scores["dark"] > 0.95
    assert scores["washed_out"] > 0.95
    assert scores["half"] > 0.8
    assert scores["kept"] > 0.9
    assert scores["clean"] > scores["damaged"] + 2
    assert set(scores) == set(aesthetic.Aesthetic.scores)


@pytest.mark.parametrize("name", aesthetic.DAMAGES)
def test_damage_grows_with_its_grade_from_none(name: str) -> None:
    frame = draw_clip(0, 1).frames[0]

    def changed(grade: float) -> float:
        damaged = aesthetic.DAMAGES[name](frame, grade, np.random.default_rng(0))
        assert (damaged.dtype, damaged.shape) == (np.uint8, frame.shape)
        return float(np.abs(damaged.astype(float) - frame).mean())

    grades = [changed(grade) for grade in (0.0, 0.25, 0.5, 1.0)]
    assert grades[0] == 0
    assert grades == sorted(grades)
    assert grades[1] > 1


def test_sums_are_solved_as_least_squares() -> None:
    numbers = np.random.default_rng(0)
    x, y = numbers.standard_normal((300, 5)), numbers.standard_normal(300)
    sums = aesthetic.Sums()
    for part in np.array_split(np.arange(300), 7):
        sums.add(torch.from_numpy(x[part]), torch.from_numpy(y[part]))
    padded = np.hstack([x, np.ones((300, 1))])
    ridged = np.vstack([padded, np.hstack([(300 * aesthetic.RIDGE) ** 0.5 * np.eye(5), np.zeros((5, 1))])])
    expected = np.linalg.lstsq(ridged, np.append(y, np.zeros(5)), rcond=None)[0]
    np.testing.assert_allclose(sums.solve().numpy(), expected, atol=1e-10)
    assert sums.error() == pytest.approx(np.sqrt(np.mean((padded @ expected - y) ** 2)))


def test_the_recipe_makes_what_is_loaded_and_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aesthetic, "CLIPS_A_STEP", 6)
    states = []
    for name in ("first.csv", "second.csv"):
        recipe = aesthetic.Aesthetic()
        recipe.steps = 2
        with Curve(tmp_path / name, Quiet(), recipe.name, recipe.steps) as curve:
            states.append(recipe.train(curve))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert (tmp_path / "first.csv").read_text() == (tmp_path / "second.csv").read_text()
    bundled = weights.read("tiny_aesthetic")
    assert {key: value.shape for key, value in states[0].items()} == {key: x.shape for key, x in bundled.items()}
