"""Which clips a data set takes: best first, no two alike, not too many of one source, by category.

Pure, and the same whatever the order of its input: candidates of one score are taken by their ids. A clip is taken if
there is a place for it when its turn comes, so whoever asks why one is not there gets a reason that can be checked by
looking at those taken before it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

AT_ONCE = 512
"""Candidates whose likeness to those chosen is computed together: in float32 with 768 features, 1.6 MB."""

_LENGTH_SLACK = 0.01
"""How far a feature's length may be from 1: float16 has 3 digits."""

Features = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A clip that could be taken.

    Attributes:
        id: The clip's.
        category: The only one that it may be taken for.
        score: Higher is better.
        features: float16 or float32 [C] of length 1, by which it is like others.
        group: Its source: a video, or a channel.
    """

    id: str
    category: str
    score: float
    features: Features
    group: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What was taken.

    Attributes:
        chosen: Ids, best first over all categories.
        reasons: Why each other one was not, by id.
    """

    chosen: tuple[str, ...]
    reasons: Mapping[str, str]


def choose(candidates: Sequence[Candidate], quotas: Mapping[str, int], max_per_group: int, max_cosine: float) -> Choice:
    """Take clips best first.

    A candidate is passed over, for the first of these reasons: its category has no quota; the quota is full; so many of
    its group are taken, of whatever category; one of its category is taken that it is more like than `max_cosine`.

    Args:
        candidates: In any order, each id once.
        quotas: How many are taken at most, by category.
        max_per_group: How many of one group are taken at most, 1 or more.
        max_cosine: Of features; two clips of a category whose cosine is larger are not both taken. 1 or more takes
            any two.

    Raises:
        ValueError: Two candidates have one id, a score is not finite, or features are not [C] of length 1.
    """
    _check(candidates, quotas, max_per_group, max_cosine)
    ranked = sorted(candidates, key=lambda one: (-one.score, one.id))
    taken: dict[str, list[str]] = defaultdict(list)  # ids by category, in the order of _Like's rows
    features = _chosen_features(candidates, quotas)
    groups: Counter[str] = Counter()
    chosen: list[str] = []
    reasons: dict[str, str] = {}
    for some in _chunks(ranked, AT_ONCE):
        like = _Likenesses(some, features, {name: len(ids) for name, ids in taken.items()}, quotas)
        for place, one in enumerate(some):
            ids = taken[one.category]
            if reason := _no_place(one, len(ids), quotas, groups, max_per_group):
                reasons[one.id] = reason
                continue
            row, cosine = like.nearest(place)
            if cosine > max_cosine:
                reasons[one.id] = f"alike: too like {ids[row]} (cosine {cosine:.3f})"
                continue
            like.take(place, len(ids))
            ids.append(one.id)
            groups[one.group] += 1
            chosen.append(one.id)
    return Choice(tuple(chosen), reasons)


def scaled_quotas(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """Quotas in proportion to counts, by the largest remainder; they add up to `total`.

    Of equal remainders the earlier one goes first. A category with a count gets one place at least if there are as many
    places as such categories.

    Args:
        counts: By category, in the order that breaks ties; Table 4's are 2,951.
        total: How many clips the set is to have.

    Raises:
        ValueError: A negative number; or clips to share, and no count above zero.
    """
    if total < 0 or min(counts.values(), default=0) < 0:
        raise ValueError(f"quotas: expected counts and a total of 0 or more, got {dict(counts)} and {total}")
    counted = {name: count for name, count in counts.items() if count}
    if total and not counted:
        raise ValueError(f"quotas: {total} clips to share, and no category with a count above 0")
    single: set[str] = set()
    while True:
        rest = {name: count for name, count in counted.items() if name not in single}
        shared = _by_largest_remainder(rest, total - len(single))
        short = {name for name, share in shared.items() if share == 0}
        if total < len(counted) or not short:
            return {name: 1 if name in single else shared.get(name, 0) for name in counts}
        single |= short


def _by_largest_remainder(counts: Mapping[str, int], total: int) -> dict[str, int]:
    whole = sum(counts.values())
    shares = {name: divmod(total * count, whole) for name, count in counts.items()}
    left = total - sum(share for share, _ in shares.values())
    first = sorted(shares, key=lambda name: -shares[name][1])[:left]  # sorted() keeps the order of ties
    return {name: share + (name in first) for name, (share, _) in shares.items()}


class _Likenesses:
    """Cosines of a few candidates to those chosen in their category before them, and among themselves.

    Args:
        some: The candidates.
        features: Of those chosen, by category, [quota, C]; filled up to `taken`.
        taken: How many are, by category.
        quotas: Of categories that are full nothing is computed.
    """

    def __init__(
        self,
        some: Sequence[Candidate],
        features: Mapping[str, Matrix],
        taken: Mapping[str, int],
        quotas: Mapping[str, int],
    ) -> None:
        self._some, self._chosen = some, features
        self._rows: dict[int, tuple[int, float]] = {}
        self._own: dict[int, tuple[Matrix, int]] = {}
        self._members: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(some):
            if taken.get(one.category, 0) < quotas.get(one.category, 0):
                self._members[one.category].append(place)
        for category, places in self._members.items():
            own = np.stack([some[place].features for place in places]).astype(np.float32)  # [k, C]
            before = features[category][: taken.get(category, 0)]  # [n, C]
            cosines, among = own @ before.T, own @ own.T
            for i, place in enumerate(places):
                nearest = int(cosines[i].argmax()) if len(before) else -1
                self._rows[place] = nearest, float(cosines[i, nearest]) if len(before) else -math.inf
                self._own[place] = among, i

    def nearest(self, place: int) -> tuple[int, float]:
        """The row of the one that a candidate is most like, of those chosen in its category by now; and the cosine."""
        return self._rows[place]

    def take(self, place: int, row: int) -> None:
        """A candidate is chosen, as this row of its category: those after it are compared with it."""
        category = self._some[place].category
        self._chosen[category][row] = self._some[place].features
        among, own = self._own[place]
        for i, other in enumerate(self._members[category]):
            if other > place and among[own, i] > self._rows[other][1]:
                self._rows[other] = row, float(among[own, i])


def _no_place(one: Candidate, taken: int, quotas: Mapping[str, int], groups: Counter[str], max_per_group: int) -> str:
    """Why a candidate is not taken whatever it looks like; "" if it may be."""
    quota = quotas.get(one.category, 0)
    if not quota:
        return f"unwanted: no quota for {one.category}"
    if taken >= quota:
        return f"full: the quota of {one.category} is {quota}"
    if groups[one.group] >= max_per_group:
        return f"source: already {max_per_group} clip{'s' * (max_per_group > 1)} of {one.group}"
    return ""


def _chosen_features(candidates: Sequence[Candidate], quotas: Mapping[str, int]) -> dict[str, Matrix]:
    """Room for the features of those chosen, by category."""
    width = len(candidates[0].features) if candidates else 0
    here = Counter(one.category for one in candidates)
    return {name: np.empty((min(quotas.get(name, 0), count), width), np.float32) for name, count in here.items()}


def _chunks(ranked: Sequence[Candidate], size: int) -> Iterator[Sequence[Candidate]]:
    for begin in range(0, len(ranked), size):
        yield ranked[begin : begin + size]


def _check(candidates: Sequence[Candidate], quotas: Mapping[str, int], max_per_group: int, max_cosine: float) -> None:
    if max_per_group < 1 or not max_cosine >= -1 or min(quotas.values(), default=0) < 0:
        raise ValueError(
            "choice: expected quotas of 0 or more, 1 or more of a group, and a cosine of -1 or more, "
            f"got {dict(quotas)}, {max_per_group} and {max_cosine}"
        )
    seen: set[str] = set()
    for one in candidates:
        if one.id in seen:
            raise ValueError(f"choice: two candidates have the id {one.id}")
        seen.add(one.id)
        if not math.isfinite(one.score):
            raise ValueError(f"candidate {one.id}: expected a finite score, got {one.score}")
        x = one.features
        if x.ndim != 1 or x.shape != candidates[0].features.shape:
            raise ValueError(
                f"candidate {one.id}: expected features {list(candidates[0].features.shape)}, got {list(x.shape)}"
            )
        length = float(np.linalg.norm(x.astype(np.float32)))
        if not abs(length - 1) <= _LENGTH_SLACK:
            raise ValueError(f"candidate {one.id}: expected features of length 1, got {length:.4g}")
