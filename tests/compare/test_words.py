"""What is said of a comparison: who is better, how sure that is, and what it must not be taken for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from i2vbench.compare import Comparison, Difference, Draws, MetricComparison
from i2vbench.compare.comparison import NO_NOISE
from i2vbench.compare.seeds import Noise
from i2vbench.compare.sides import Sides
from i2vbench.compare.words import STILL, cautions, how_tested, print_p, seed_sentence, sentence
from i2vbench.registry import METRICS
from i2vbench.statistics import Interval
from i2vbench.tables.runs import Column
from i2vbench.types import MetricInfo

LABELS = ("calm", "lively")
BACKGROUND, DYNAMIC, FVD = (METRICS.create(name).info for name in ("background_consistency", "dynamic_degree", "fvd"))

BETTER = Difference(
    planned=(2950, 2950), n=1882, a=0.9512, b=0.9419, interval=Interval(0.008, 0.0105), effect=0.214,
    wins=1200, ties=82, losses=600, p=0.0001, corrected=0.0004, draws=10_000,
)  # fmt: skip
OPEN = replace(BETTER, b=0.951, interval=Interval(-0.0005, 0.0009), p=0.3, corrected=0.61)


def of(info: MetricInfo, total: Difference) -> MetricComparison:
    return MetricComparison(info, info is FVD, [total], NO_NOISE, [])


def say(info: MetricInfo, total: Difference) -> str:
    return sentence(of(info, total), LABELS, 8)


def turned(some: Difference) -> Difference:
    """The same with A and B in each other's place."""
    assert some.interval is not None
    ends = Interval(-some.interval.high, -some.interval.low)
    effect = None if some.effect is None else -some.effect
    return replace(some, a=some.b, b=some.a, interval=ends, effect=effect, wins=some.losses, losses=some.wins)


def test_a_difference() -> None:
    assert say(BACKGROUND, BETTER) == (
        "Background Consistency: calm is better by 0.93 points (95% 0.80 to 1.05), on 1,882 of 2,950 samples; "
        "Holm-corrected p = 0.0004; a small effect (d = 0.21); better on 1,200 samples, equal on 82, worse on 600."
    )


def test_the_other_side_is_told_of_in_the_same_words() -> None:
    assert say(BACKGROUND, turned(BETTER)) == say(BACKGROUND, BETTER).replace("calm", "lively")


def test_no_difference_is_never_called_equal() -> None:
    said = say(BACKGROUND, OPEN)
    assert said == (
        "Background Consistency: no difference that these clips can show: calm - lively = 0.02 points "
        "(95% -0.05 to 0.09), on 1,882 of 2,950 samples; Holm-corrected p = 0.6100."
    )


def test_a_difference_that_only_the_correction_takes_away_says_so() -> None:
    said = say(BACKGROUND, replace(BETTER, p=0.03, corrected=0.24))
    assert "no difference that these clips can show" in said
    assert said.endswith("By itself it would be one (p = 0.0300); among 8 metrics it is not.")


def test_a_distance_is_better_where_it_is_lower() -> None:
    total = Difference(
        planned=(400, 300), n=280, a=310.0, b=350.5, interval=Interval(-60, -20.25), p=0.001, corrected=0.002, draws=999
    )
    assert say(FVD, total) == (
        "FVD: calm is better (lower) by 40.50 (95% 20.25 to 60.00), on 280 samples that both measured "
        "(400 of calm, 300 of lively); Holm-corrected p = 0.0020."
    )
    assert say(FVD, turned(total)) == say(FVD, total).replace("FVD: calm", "FVD: lively")


def test_an_interval_that_holds_0_keeps_its_signs() -> None:
    said = say(BACKGROUND, turned(replace(BETTER, interval=Interval(-0.0012, 0.0105))))
    assert "lively is better by 0.93 points (95% -0.12 to 1.05)" in said


def test_what_is_not_compared_or_not_tested_says_so() -> None:
    assert say(FVD, Difference(planned=(3, 3), note="no clip of calm was measured")) == (
        "FVD: not compared: no clip of calm was measured."
    )
    total = Difference(planned=(9, 9), n=9, a=310.0, b=350.5)
    assert say(FVD, total) == "FVD: calm has 310.00, lively 350.50, on all 9 samples; not tested."


@pytest.mark.parametrize(
    ("effect", "words"),
    [(0.194, "a very small effect (d = 0.19)"), (-0.199, "a small effect (d = 0.20)"), (0.5, "a medium effect"),
     (1.3, "a large effect"), (None, "the same difference on every sample")],
)  # fmt: skip
def test_effects_are_called_what_cohen_calls_them(effect: float | None, words: str) -> None:
    assert words in say(BACKGROUND, replace(BETTER, effect=effect))


def test_p_values_are_printed_to_be_read() -> None:
    assert [print_p(p) for p in (None, 1.0, 0.04961, 0.0001, 0.00005, 3.2e-30)] == [
        "", "1.0000", "0.0496", "0.0001", "0.0001", "3e-30",
    ]  # fmt: skip
    assert "p < 0.0001" in say(BACKGROUND, replace(BETTER, corrected=3e-30))
    assert how_tested(BETTER, False) == "10000 sign flips"
    assert how_tested(replace(BETTER, exact=True), False) == "sign flips, exact"
    assert how_tested(BETTER, True) == "10000 resamples"


def comparison(*metrics: MetricComparison) -> Comparison:
    sides = Sides([], [Column(label, 0, label) for label in LABELS])
    return Comparison(sides, ["All"], metrics, Draws(), [])


def test_a_stiller_model_that_wins_is_told_of() -> None:
    moves_less = replace(BETTER, a=0.12, b=0.4, interval=Interval(-0.3, -0.2))
    said = cautions(comparison(of(BACKGROUND, BETTER), of(DYNAMIC, moves_less)))
    assert said == [
        "calm is better in Background Consistency, and its clips move less: Dynamic Degree 12.00 against 40.00. A "
        "stiller video scores higher there.",
        f"Background Consistency: {BACKGROUND.hides}",
    ]
    back = cautions(comparison(of(BACKGROUND, turned(BETTER)), of(DYNAMIC, turned(moves_less))))
    assert back[0] == said[0].replace("calm", "lively")


def test_a_model_that_wins_and_moves_more_is_not() -> None:
    assert cautions(comparison(of(BACKGROUND, BETTER), of(DYNAMIC, BETTER))) == []
    assert cautions(comparison(of(BACKGROUND, OPEN))) == []


def test_where_motion_was_not_compared_that_is_told() -> None:
    said = cautions(comparison(of(BACKGROUND, BETTER)))
    assert said[0] == "calm is better in Background Consistency; whether its clips move less was not compared."


def test_metrics_that_like_still_clips_are_known_by_what_they_hide() -> None:
    names = (
        *("background_consistency", "subject_consistency", "temporal_flickering", "motion_smoothness"),
        *("overall_consistency", "clipsim", "fvd"),
    )
    for name in names:
        assert any(words in METRICS.create(name).info.hides for words in STILL), name
    for name in ("dynamic_degree", "object_consistency", "scene_consistency", "fid"):
        assert not any(words in METRICS.create(name).info.hides for words in STILL), name


@pytest.mark.parametrize(
    ("between", "within", "words"),
    [
        (1.0, 1.0, "seeds make 25% of its variance; it would take 9 a sample for 10% or less."),
        (1.0, 0.1, "seeds make 3% of its variance: these are enough (10% or less takes 1)."),
        (0.0, 1.0, "seeds make 100% of its variance: samples add nothing to what seeds do"),
        (1.0, 0.001, "seeds make less than 1% of its variance"),
        (0.0, 0.0, "the same number for all clips, whatever the sample and the seed."),
    ],
)
def test_seeds_in_words(between: float, within: float, words: str) -> None:
    found = Noise(mean=0.5, samples=100, seeds=3, between=between / 1e4, within=within / 1e4)
    said = seed_sentence(BACKGROUND, "calm", found)
    assert words in said
    if within == 1.0:  # 1.96 x 0.01 / sqrt(300), in points
        assert "other seeds on the same samples would move the mean by up to 0.11 points (95%); with 3 a sample" in said
