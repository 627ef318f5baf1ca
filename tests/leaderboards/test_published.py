"""What the paper's tables prove about aggregation, asked of our own: clip means, shares of clips, pooled frames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import pytest

from i2vbench.leaderboards.published import METHODS, METRIC_IDS, TABLES, clip_counts, numbers
from i2vbench.leaderboards.published.facts import facts
from i2vbench.metrics.base import Metric
from i2vbench.metrics.frame_success import FrameSuccessMetric
from i2vbench.metrics.object_consistency import ObjectConsistency
from i2vbench.metrics.scene_consistency import SceneConsistency
from i2vbench.registry import METRICS
from i2vbench.types import Measurement
from tests.conftest import ROOT

CLIP_MEANS = (6, 7, 8, 9, 12, 13)
COUNTS = clip_counts()
SHARED = ROOT.parent / "shared" / "published"


def column(table: int, method: str) -> dict[str, str]:
    """What a table prints of a model, by category."""
    return {number.category: number.text for number in numbers(table) if number.method == method}


def metric_of(table: int) -> Metric:
    return METRICS.create(METRIC_IDS[numbers(table)[0].metric])


def mean(metric: Metric, clips: Mapping[float, int]) -> float:
    """Our aggregate, as printed but unrounded, of so many clips with these values (0..1)."""
    one = {value: Measurement("a", metric.info.id, value=value) for value in clips}
    cell = metric.aggregate(itertools.chain(*(itertools.repeat(one[value], n) for value, n in clips.items())))
    assert cell.value is not None
    assert cell.n == sum(clips.values())
    return cell.value * metric.info.scale


# -- the data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_the_files_are_the_shared_ones(table: int) -> None:
    shared = SHARED / f"table-{table:02}.csv"
    if not shared.is_file():
        pytest.skip("the shared material is not here")
    own = ROOT / "leaderboards" / "published" / shared.name
    assert own.read_bytes() == shared.read_bytes()


def test_table_2_repeats_the_all_rows() -> None:
    for number in numbers(2):
        table = next(t for t in range(6, 14) if numbers(t)[0].metric == number.metric)
        assert column(table, number.method)["All"] == number.text


def test_table_4_adds_up_to_what_it_prints() -> None:
    assert (len(COUNTS), sum(COUNTS.values())) == (17, 2951)
    assert numbers(4)[-1].text == "2951"


def test_every_table_is_described_and_has_all_columns() -> None:
    for table in TABLES:
        about = facts(table)
        columns = {(column.of, column.metric) for column in about.columns}
        if columns:
            assert columns == {(number.dataset, number.metric) for number in numbers(table)}
        for source in about.sources:
            assert source.name in {number.dataset for number in numbers(table)}
    assert [name for source in facts(10).sources for name in source.categories.items()] == [
        ("Pet", 25), ("Food", 25), ("Animal", 25), ("Vehicle", 25),
    ]  # fmt: skip
    assert {(s.clips, *s.categories.items()) for s in facts(11).sources} == {
        (100, ("Scenery-Nature", 51), ("Scenery-City", 49))
    }


def test_there_is_no_other_table() -> None:
    for table in (0, 14):
        with pytest.raises(ValueError, match="the paper has Tables 1 to 13"):
            facts(table)


# -- means over clips ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", CLIP_MEANS)
def test_all_is_the_mean_over_clips_and_not_over_categories(table: int) -> None:
    metric, missed = metric_of(table), []
    for method in METHODS:
        printed = {category: float(text) for category, text in column(table, method).items()}
        total = printed.pop("All")
        assert printed.keys() == COUNTS.keys()
        clips: dict[float, int] = {}
        for category, value in printed.items():
            clips[value / 100] = clips.get(value / 100, 0) + COUNTS[category]
        # 0.005 of rounding the categories, as much of rounding the total
        assert mean(metric, clips) == pytest.approx(total, abs=0.0101), method
        missed.append(abs(math.fsum(printed.values()) / len(printed) - total))
    assert max(missed) > 0.1, "an unweighted mean would do as well"


def test_an_unweighted_mean_misses_by_up_to_five() -> None:
    misses = [
        abs(math.fsum(map(float, own)) / len(own) - float(total))
        for table in CLIP_MEANS
        for method in METHODS
        for *own, total in [list(column(table, method).values())]
    ]
    assert len(misses) == 30
    assert 4.6 < max(misses) < 4.8


# -- Table 12: shares of clips ------------------------------------------------------------------------------------


def dynamic_clips(text: str, n: int) -> int:
    """The k whose k of n is printed so by us."""
    metric = metric_of(12)
    near = round(float(text) * n / 100)
    fitting = [k for k in (near - 1, near, near + 1) if 0 <= k <= n and metric.info.print(k / n) == text]
    assert len(fitting) == 1
    return fitting[0]


def test_every_cell_of_table_12_is_a_share_of_its_clips() -> None:
    metric = metric_of(12)
    for method in METHODS:
        printed = column(12, method)
        dynamic = {category: dynamic_clips(printed[category], n) for category, n in COUNTS.items()}
        for category, n in COUNTS.items():
            k = dynamic[category]
            assert f"{mean(metric, {1.0: k, 0.0: n - k}):.2f}" == printed[category]
        k = sum(dynamic.values())
        assert f"{mean(metric, {1.0: k, 0.0: 2951 - k}):.2f}" == printed["All"]


def test_the_sums_are_those_of_2951_clips_and_not_of_2950() -> None:
    metric, sums, others = metric_of(12), [], []
    for method in METHODS:
        printed = column(12, method)
        sums.append(sum(dynamic_clips(printed[category], n) for category, n in COUNTS.items()))
        near = round(float(printed["All"]) * 29.50)
        shares = [mean(metric, {1.0: k, 0.0: 2950 - k}) for k in range(near - 2, near + 3)]
        others.append(printed["All"] in [f"{share:.2f}" for share in shares])
    assert dict(zip(METHODS, sums, strict=True)) == {
        "AnimateAnything": 109, "I2VGen-XL": 1708, "DynamiCrafter": 1892, "SEINE": 1243, "ConsistI2V": 1106,
    }  # fmt: skip
    assert others.count(True) == 1


# -- Tables 10 and 11: pooled frames, the last digit cut ----------------------------------------------------------

Frames = Sequence[tuple[int, int]]
"""Of groups of clips of 16 frames: how many frames succeed, of how many clips."""


def pooled(metric: FrameSuccessMetric, groups: Frames) -> Fraction:
    """Our aggregate of clips that have so many successes, exactly."""
    measured = []
    for successes, clips in groups:
        left = successes
        for _ in range(clips):
            here = min(16, left)
            left -= here
            details = {"successes": here, "frames": 16}
            measured.append(Measurement("a", metric.info.id, value=here / 16, details=details))
        assert left == 0
    cell = metric.aggregate(measured)
    assert cell.value is not None
    return Fraction(cell.value).limit_denominator(16 * cell.n)


def cut(share: Fraction) -> str:
    """In per cent, what is behind the second digit dropped."""
    hundredths = share.numerator * 10_000 // share.denominator
    return f"{hundredths // 100}.{hundredths % 100:02}"


def rounded(metric: Metric) -> Callable[[Fraction], str]:
    return lambda share: metric.info.print(float(share))


def test_table_10_is_25_clips_a_category_pooled() -> None:
    metric, totals, as_rounded = ObjectConsistency(), {}, {}
    for method in METHODS:
        printed = column(10, method)
        total = printed.pop("All")
        found = {category: Fraction(text) * 4 for category, text in printed.items()}
        assert all(k.denominator == 1 for k in found.values()), "a multiple of 100 / 400"
        for category, k in found.items():
            assert cut(pooled(metric, [(int(k), 25)])) == printed[category]
        share = pooled(metric, [(int(k), 25) for k in found.values()])
        assert cut(share) == total
        totals[method] = int(share * 1600)
        as_rounded[method] = rounded(metric)(share) == total
    assert totals == {
        "AnimateAnything": 521, "I2VGen-XL": 468, "DynamiCrafter": 515, "SEINE": 567, "ConsistI2V": 513,
    }  # fmt: skip
    assert not as_rounded["DynamiCrafter"], "32.1875 is printed as 32.18"
    assert not as_rounded["SEINE"], "35.4375 is printed as 35.43"
    assert as_rounded["I2VGen-XL"], "29.25 has no more digits"


def test_table_10_is_not_weighted_by_the_counts_of_table_4() -> None:
    for method in METHODS:
        printed = column(10, method)
        total = float(printed.pop("All"))
        clips = [
            (int(Fraction(text) * 4) * COUNTS[category], 25 * COUNTS[category]) for category, text in printed.items()
        ]
        assert 37 < 100 * pooled(ObjectConsistency(), clips) < 47
        assert 100 * pooled(ObjectConsistency(), clips) - total > 4


def table_11(method: str, exchanged: bool = False) -> tuple[str, str, str]:
    """(Scenery-Nature, Scenery-City, All) as printed."""
    printed = column(11, method)
    nature, city = printed["Scenery-Nature"], printed["Scenery-City"]
    return (city, nature, printed["All"]) if exchanged else (nature, city, printed["All"])


def successes(text: str, frames: int, printed: Callable[[Fraction], str]) -> int | None:
    """The k of so many frames that are printed so."""
    near = int(Fraction(text) * frames / 100)
    return next((k for k in range(max(0, near - 1), near + 3) if printed(Fraction(k, frames)) == text), None)


def splits(texts: tuple[str, str, str], printed: Callable[[Fraction], str]) -> list[int]:
    """Of how many clips of 100 the first cell can be, the second of the others, and the third of all of them."""
    found = []
    for clips in range(1, 100):
        first, second = (successes(text, 16 * n, printed) for text, n in zip(texts, (clips, 100 - clips), strict=False))
        if first is not None and second is not None and printed(Fraction(first + second, 1600)) == texts[2]:
            found.append(clips)
    return found


@pytest.mark.parametrize(
    ("method", "nature", "city"),
    [
        ("I2VGen-XL", 275, 101),
        ("DynamiCrafter", 284, 99),
        ("SEINE", 306, 137),
        ("ConsistI2V", 273, 124),
        ("AnimateAnything", 290, 145),
    ],
)
def test_table_11_is_51_and_49_clips_pooled(method: str, nature: int, city: int) -> None:
    """AnimateAnything's with its two cells exchanged."""
    metric = SceneConsistency()
    texts = table_11(method, exchanged=method == "AnimateAnything")
    shares = [pooled(metric, groups) for groups in ([(nature, 51)], [(city, 49)], [(nature, 51), (city, 49)])]
    assert tuple(map(cut, shares)) == texts
    assert set(splits(texts, cut)) <= {51, 49}
    assert 51 in splits(texts, cut)


def test_animate_anythings_cells_do_not_fit_as_they_are_printed() -> None:
    """They fit the mirror image alone, in which no other model's do but exchanged."""
    assert splits(table_11("AnimateAnything"), cut) == [49]
    assert all(51 in splits(table_11(method), cut) for method in METHODS if method != "AnimateAnything")


def test_rounding_fits_one_model_of_table_11() -> None:
    fitting = [
        method
        for method in METHODS
        if method != "AnimateAnything" and 51 in splits(table_11(method), rounded(SceneConsistency()))
    ]
    assert len(fitting) == 1


def test_what_is_printed_stays() -> None:
    assert table_11("AnimateAnything") == ("18.49", "35.53", "27.18")
    assert column(10, "DynamiCrafter")["All"] == "32.18"
    assert [n.extra for n in numbers(3)][:1] == [
        {"frameinit": "True", "temporal_conditioning": "True", "spatial_conditioning": "True"}
    ]
