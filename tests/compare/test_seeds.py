"""Model noise and sample noise: against the literature, a simulation with known variances, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from i2vbench.compare.seeds import SMALL_SHARE, Noise, noise

SHROUT_FLEISS = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
"""Ratings of six targets by four judges each (Shrout and Fleiss 1979, table 2)."""


def test_the_example_of_shrout_and_fleiss() -> None:
    found = noise(SHROUT_FLEISS)
    assert found is not None
    assert found.within == pytest.approx(6.26, abs=0.005)  # their table 3: WMS; BMS is 11.24
    assert 4 * found.between + found.within == pytest.approx(11.24, abs=0.005)
    assert found.correlation == pytest.approx(0.17, abs=0.005)  # ICC(1,1), their table 4
    assert 1 - found.share() == pytest.approx(0.44, abs=0.005)  # type: ignore[operator] # ICC(1,4)


@pytest.mark.parametrize("counts", [(3, 3), (1, 4), (2, 5)])
def test_variances_that_are_known_are_found(counts: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    values = [
        random.normal(2.0 * random.normal(), 0.5, size=random.integers(counts[0], counts[1] + 1)) for _ in range(4000)
    ]
    found = noise(values)
    assert found is not None
    assert found.between == pytest.approx(4, rel=0.1)
    assert found.within == pytest.approx(0.25, rel=0.1)
    # What the formula says of the mean's error is what means over other samples do.
    assert found.error_of_samples**2 + found.error_of_seeds**2 == pytest.approx(
        np.var([np.mean(some) for some in values], ddof=1) / 4000, rel=0.1
    )


def test_seeds_that_change_nothing_are_enough_at_once() -> None:
    found = noise([(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)])
    assert found is not None
    assert (found.within, found.share(), found.enough, found.correlation) == (0, 0, 1, 1)


def test_samples_that_change_nothing_are_never_enough() -> None:
    found = noise([(0.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
    assert found is not None
    assert (found.between, found.share(), found.enough, found.correlation) == (0, 1, None, 0)


def test_numbers_that_are_all_the_same_have_no_shares() -> None:
    found = noise([(1.0, 1.0), (1.0, 1.0)])
    assert found is not None
    assert (found.correlation, found.share(), found.enough) == (None, None, 1)


@pytest.mark.parametrize(("between", "within", "enough"), [(1.0, 1.0, 9), (1.0, 0.1, 1), (2.0, 1.0, 5), (1.0, 3.0, 27)])
def test_enough_is_the_first_number_of_seeds_with_a_small_share(between: float, within: float, enough: int) -> None:
    found = Noise(mean=0, samples=10, seeds=2, between=between, within=within)
    assert found.enough == enough
    assert found.share(enough) <= SMALL_SHARE + 1e-12  # type: ignore[operator]
    if enough > 1:
        assert found.share(enough - 1) > SMALL_SHARE  # type: ignore[operator]


@pytest.mark.parametrize("values", [[], [(1.0, 2.0)], [(1.0,), (2.0,), (3.0,)]])
def test_one_seed_tells_nothing(values: list[tuple[float, ...]]) -> None:
    assert noise(values) is None


def test_unequal_numbers_of_seeds_by_hand() -> None:
    """Means 2 and 5; squares within 2 + 0 on 1 degree; the grand mean 3; between (2 x 1 + 1 x 4) / 1; k0 = 3 - 5/3."""
    found = noise([(1.0, 3.0), (5.0,)])
    assert found is not None
    assert found.within == 2
    assert found.between == pytest.approx((6 - 2) / (4 / 3))
    assert found.seeds == pytest.approx(1 / 0.75)
    assert found.mean == 3.5
    assert found.error_of_seeds**2 == pytest.approx(2 / (2 * 4 / 3))
