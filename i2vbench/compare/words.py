"""A comparison in sentences: what a reader may say of each metric, and what must be said with it."""

from __future__ import annotations

from collections.abc import Sequence

from i2vbench.compare.comparison import SIGNIFICANT, Comparison, Difference, MetricComparison
from i2vbench.compare.seeds import SMALL_SHARE, Noise
from i2vbench.types import MetricInfo

DYNAMIC_DEGREE = "dynamic_degree"

STILL = ("still clip", "nothing moves")
"""How a metric's `hides` says that it likes clips in which nothing happens."""

SIZES = ((0.2, "a very small effect"), (0.5, "a small effect"), (0.8, "a medium effect"))
"""What |d| below these is called (Cohen 1988); from the last on it is large."""

TWO_SIDED_95 = 1.96
"""Standard errors to both sides of a mean, by the normal distribution."""

NO_DIFFERENCE = "no difference that these clips can show"

ONE_SEED = (
    "One seed a sample: what the seed adds cannot be told from what the sample adds. Run with --seed 0 --seed 1 "
    "--seed 2 to tell model noise from sample noise."
)


def sentences(comparison: Comparison) -> list[str]:
    """One for each metric, over all clips."""
    family = sum(one.total.p is not None for one in comparison.metrics)
    return [sentence(one, comparison.labels, family) for one in comparison.metrics]


def sentence(metric: MetricComparison, labels: tuple[str, str], family: int) -> str:
    """What may be said of a metric over all clips.

    Args:
        metric: With its total.
        labels: Of A and B.
        family: How many metrics Holm's correction is over.
    """
    info, total = metric.info, metric.total
    difference = total.difference
    if difference is None:
        return f"{info.title}: not compared: {total.note}."
    on = _samples(total, labels)
    if total.p is None:
        return f"{info.title}: {_values(info, total, labels)}, {on}; not tested."
    corrected = f"Holm-corrected {_p(total.corrected)}"
    winner = total.better(info)
    if not total.significant or winner is None or total.interval is None:
        shown = f"{labels[0]} - {labels[1]} = {_amount(info, difference)}{_ends(info, total)}"
        return f"{info.title}: {NO_DIFFERENCE}: {shown}, {on}; {corrected}.{_alone(total, family)}"
    low, high = sorted(abs(x) if x * difference > 0 else -abs(x) for x in (total.interval.low, total.interval.high))
    lower = " (lower)" if info.direction == "lower" else ""
    parts = [
        f"{info.title}: {labels[winner]} is better{lower} by {_amount(info, abs(difference))} "
        f"(95% {info.print(low)} to {info.print(high)}), {on}",
        corrected,
        *_effect(metric, winner),
    ]
    return "; ".join(parts) + "."


def cautions(comparison: Comparison) -> list[str]:
    """What a better number may hide, where the better clips are also those that move less."""
    dynamic = next((one for one in comparison.metrics if one.info.id == DYNAMIC_DEGREE), None)
    found = []
    for side, label in enumerate(comparison.labels):
        won = [one.info for one in comparison.metrics if one.total.significant and one.total.better(one.info) == side]
        trapped = [info for info in won if any(words in info.hides for words in STILL)]
        if not trapped:
            continue
        titles = _listing([info.title for info in trapped])
        if dynamic is None or dynamic.total.difference is None:
            found.append(f"{label} is better in {titles}; whether its clips move less was not compared.")
        elif dynamic.total.significant and dynamic.total.better(dynamic.info) != side:
            ours, theirs = (dynamic.total.a, dynamic.total.b) if side == 0 else (dynamic.total.b, dynamic.total.a)
            found.append(
                f"{label} is better in {titles}, and its clips move less: {dynamic.info.title} "
                f"{dynamic.info.print(ours or 0)} against {dynamic.info.print(theirs or 0)}. A stiller video scores "
                "higher there."
            )
        else:
            continue
        found += [f"{info.title}: {info.hides}" for info in trapped]
    return found


def seed_sentence(info: MetricInfo, of: str, found: Noise) -> str:
    """What the seeds of a model, or of a difference, say: what they move, and what more of them would take away.

    Args:
        info: The metric's.
        of: Whose noise it is.
        found: The noise.
    """
    share, enough = found.share(), found.enough
    if share is None:
        return f"{info.title}, {of}: the same number for all clips, whatever the sample and the seed."
    moved = _amount(info, TWO_SIDED_95 * found.error_of_seeds)
    said = (
        f"{info.title}, {of}: other seeds on the same samples would move the mean by up to {moved} (95%); "
        f"with {found.seeds:.3g} a sample, seeds make {_percent(share)} of its variance"
    )
    if enough is None:
        return f"{said}: samples add nothing to what seeds do, so that more seeds are worth as much as more samples."
    if found.seeds >= enough:
        return f"{said}: these are enough ({SMALL_SHARE:.0%} or less takes {enough})."
    return f"{said}; it would take {enough} a sample for {SMALL_SHARE:.0%} or less."


def print_p(p: float | None) -> str:
    """Four decimals, or the power of ten where these are all 0; "" without one."""
    if p is None:
        return ""
    return f"{p:.4f}" if p >= 0.00005 else f"{p:.0e}"


def how_tested(difference: Difference, distance: bool) -> str:
    """What the p-value was made with; "" without one."""
    if difference.p is None:
        return ""
    if distance:
        return f"{difference.draws} resamples{', standard error' if difference.by_error else ''}"
    return "sign flips, exact" if difference.exact else f"{difference.draws} sign flips"


def _ends(info: MetricInfo, total: Difference) -> str:
    ends = total.interval
    return "" if ends is None else f" (95% {info.print(ends.low)} to {info.print(ends.high)})"


def _p(p: float | None) -> str:
    return f"p = {print_p(p)}" if p is None or p >= 0.00005 else "p < 0.0001"


def _alone(total: Difference, family: int) -> str:
    """Where a difference is one by itself and not among several, which must not be read as its being none."""
    if total.p is None or total.p >= SIGNIFICANT or total.significant:
        return ""
    return f" By itself it would be one ({_p(total.p)}); among {family} metrics it is not."


def _samples(total: Difference, labels: tuple[str, str]) -> str:
    a, b = total.planned
    if a != b:
        return f"on {total.n:,} samples that both measured ({a:,} of {labels[0]}, {b:,} of {labels[1]})"
    return f"on all {a:,} samples" if total.n == a else f"on {total.n:,} of {a:,} samples"


def _values(info: MetricInfo, total: Difference, labels: tuple[str, str]) -> str:
    return f"{labels[0]} has {info.print(total.a or 0)}, {labels[1]} {info.print(total.b or 0)}"


def _amount(info: MetricInfo, value: float) -> str:
    # A difference of percentages is no percentage of anything.
    unit = "points" if info.unit == "%" else info.unit
    return f"{info.print(value)} {unit}".rstrip()


def _effect(metric: MetricComparison, winner: int) -> list[str]:
    """How large the effect is, and on how many samples it is seen; nothing of a distance."""
    total = metric.total
    if total.wins is None or total.losses is None or total.ties is None:
        return []
    size = "the same difference on every sample"
    if total.effect is not None:
        printed = f"{abs(total.effect):.2f}"
        named = next((name for below, name in SIZES if float(printed) < below), "a large effect")
        size = f"{named} (d = {printed})"
    better, worse = (total.wins, total.losses) if winner == 0 else (total.losses, total.wins)
    return [size, f"better on {better:,} samples, equal on {total.ties:,}, worse on {worse:,}"]


def _percent(share: float) -> str:
    return "less than 1%" if 0 < share < 0.01 else f"{share:.0%}"


def _listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
