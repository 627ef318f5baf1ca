"""What tables make of each metric's numbers is what the paper's tables make of them: arrows, digits, and ends."""

from __future__ import annotations

import math

import pytest

from i2vbench.registry import METRICS

CONSISTI2V = {
    "fvd": (177.66, "177.66 ↓"),
    "inception_score": (56.22, "56.22 ↑"),
    "fid": (15.74, "15.74 ↓"),
    "clipsim": (0.2674, "0.2674 ↑"),
    "temporal_flickering": (0.9665, "96.65 ↑"),
    "motion_smoothness": (0.9777, "97.77 ↑"),
    "dynamic_degree": (0.3748, "37.48 ↑"),
    "background_consistency": (0.9469, "94.69 ↑"),
    "subject_consistency": (0.9085, "90.85 ↑"),
    "object_consistency": (0.3206, "32.06 ↑"),
    "scene_consistency": (0.2481, "24.81 ↑"),
    "overall_consistency": (0.195, "19.50 ↑"),
}
"""A number of the model as it is stored, and as Tables 1 and 2 of the paper print it under their arrows."""

FEATURES_OF = {"fvd_infinity": "fvd", "fid_infinity": "fid", "kid": "fid"}

ENDS = {
    "fvd": (0, math.inf), "fvd:stylegan-v": (0, math.inf), "fid": (0, math.inf), "kid": (-math.inf, math.inf),
    "inception_score": (1, math.inf), "clipsim": (-1, 1), "overall_consistency": (-1, 1),
    "overall_consistency:antialias": (-1, 1),
}  # fmt: skip
"""A squared distance, an unbiased estimate of one, a score that is 1 for one class, cosines; all others are shares."""

SHARES = [
    *(f"{name}_consistency" for name in ("subject", "background", "object", "scene")),
    *("temporal_flickering", "temporal_flickering:static-only", "motion_smoothness", "dynamic_degree"),
]


@pytest.mark.parametrize(("name", "cell"), CONSISTI2V.items())
def test_it_is_printed_as_in_the_paper(name: str, cell: tuple[float, str]) -> None:
    info, (value, printed) = METRICS.create(name).info, cell
    assert f"{info.print(value)} {'↑' if info.direction == 'higher' else '↓'}" == printed


@pytest.mark.parametrize(("name", "source"), FEATURES_OF.items())
def test_a_distance_over_features_that_are_there_is_better_the_smaller_it_is(name: str, source: str) -> None:
    info = METRICS.create(name).info
    assert (info.features_of, info.direction) == (source, "lower")


@pytest.mark.parametrize("name", [*CONSISTI2V, *FEATURES_OF])
def test_extrapolated_distances_alone_have_no_intervals(name: str) -> None:
    assert bool(METRICS.create(name).no_intervals) == name.endswith("infinity")


def test_kid_has_digits_for_its_size() -> None:
    """Published ones are of the order of 0.01: with two digits most would be alike."""
    assert METRICS.create("kid").info.print(0.0123) == "0.0123"


@pytest.mark.parametrize(("name", "ends"), (ENDS | dict.fromkeys(SHARES, (0, 1))).items())
def test_intervals_end_where_the_number_can_be(name: str, ends: tuple[float, float]) -> None:
    assert METRICS.create(name).bounds == ends


@pytest.mark.parametrize(
    ("name", "least"), [("fvd", 400), ("fvd_infinity", 400), ("fid", 2048 / 16), ("fid_infinity", 2048 / 16)]
)
def test_a_category_of_fewer_features_than_dimensions_has_no_distance(name: str, least: float) -> None:
    """Of a clip there is one feature of FVD and, of its 16 frames, 16 of FID."""
    assert METRICS.create(name).info.least_per_category == least


def test_a_category_of_fewer_clips_than_c3d_has_classes_has_no_inception_score() -> None:
    assert METRICS.create("inception_score").info.least_per_category == 101


def test_the_roots_of_2048_dimensions_are_too_slow_for_a_thousand_resamples() -> None:
    assert METRICS.create("fid").slow_to_resample
    assert not METRICS.create("fvd").slow_to_resample
