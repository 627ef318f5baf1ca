"""Series made by hand, for what draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from i2vbench.figures.series import Datum, Model, Scores, Series
from i2vbench.types import MetricInfo

INFOS = tuple(
    MetricInfo(id=id_, title=id_.replace("_", " ").title(), direction="higher", unit="%", scale=100, range=(0, 1))
    for id_ in (
        "subject_consistency", "background_consistency", "dynamic_degree", "object_consistency", "overall_consistency",
    )
)  # fmt: skip
DISTANCE = MetricInfo(id="fvd", title="FVD", direction="lower")


def made(names: Sequence[str], *, clips: int = 60, categories: int = 3, seed: int = 0, published: int = 0) -> Series:
    """Models of these names, the last `published` of them the paper's; numbers are means of the clips' scores."""
    rng = np.random.default_rng(seed)
    scores: dict[str, Scores] = {}
    for info in INFOS:
        if info.id == "dynamic_degree":
            drawn = [100.0 * (rng.random(clips) < rng.random()) for _ in names]
        elif info.id == "object_consistency":
            drawn = [rng.integers(0, 17, clips) / 16 * 100 for _ in names]
        else:
            drawn = [100 - rng.gamma(2 + rng.random(), 2, clips) for _ in names]
        scores[info.id] = tuple(tuple(map(float, some)) for some in drawn)
    rows = {
        id_: {f"category {c}": tuple(mean(s[c::categories]) for s in some) for c in range(categories)}
        | {"All": tuple(mean(s) for s in some)}
        for id_, some in scores.items()
    }
    rows["fvd"] = {"All": tuple(Datum(f"{value:.2f}") for value in rng.uniform(90, 700, len(names)))}
    infos = (*INFOS, DISTANCE)
    return Series(
        models=tuple(
            Model(name, "data set demo (60 samples), profile tiny", published=i >= len(names) - published)
            for i, name in enumerate(names)
        ),
        metrics=infos,
        total="All",
        rows=rows,
        counts={info.id: (clips,) * len(names) for info in infos},
        clips=lambda metric: scores.get(metric, ((),) * len(names)),
    )


def mean(scores: Sequence[float]) -> Datum:
    return Datum(f"{np.mean(scores):.2f}")
