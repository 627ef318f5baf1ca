"""Fréchet distances and inception scores of given arrays (`frechet/`).

A case is three files: `expected-N.json`, `features-N.safetensors` with pairs NAME.real and NAME.generated, and
`probabilities-N.safetensors`. It may hold some of the names only; what it holds without saying what is expected fails.
Columns that are neither `expected_*` nor `float64_*` are other implementations', and are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.inception_score import inception_score, shuffled
from tests.reference.cases import Case, CaseError
from tests.reference.compare import EXACT, Check, Tolerance

# frechet/README.md states the tolerances.
FULL_RANK = Tolerance(rtol=1e-7)
SINGULAR = Tolerance(atol=1e-4)
IDENTICAL = Tolerance(atol=1e-6)
MEAN = Tolerance(rtol=1e-9)
DEVIATION = Tolerance(atol=1e-9)

DDOF = {"expected_sample_covariance": 1, "expected_population_covariance": 0}
SHUFFLE = "shuffle_of_"
SPLITS = "float64_splits_"
SHUFFLE_SEED = 42


def frechet(case: Case) -> Iterator[Check]:
    """All pairs of features, all sets of probabilities, and the shuffle."""
    if not case.sidecar:
        raise CaseError(f"{case.stem}.json, which says what is expected, is missing")
    name = case.stem.rpartition("/")[2]
    for part, section, check in (
        ("features", "frechet_distance", _distances),
        ("probabilities", "inception_score", _scores),
    ):
        path = f"{name.replace('expected', part, 1)}.safetensors"
        expected = case.sidecar.get(section, {})
        tensors = case.part(path)
        if expected and not tensors:
            raise CaseError(f"{path}, whose {section} is expected, is missing")
        yield from check(tensors, expected)


def _distances(tensors: Mapping[str, Tensor], expected: Mapping[str, Any]) -> Iterator[Check]:
    for name in dict.fromkeys(tensor.rpartition(".")[0] for tensor in tensors):
        pair = [f"{name}.real", f"{name}.generated"]
        lacking = [tensor for tensor in pair if tensor not in tensors]
        if lacking or name not in expected:
            raise CaseError(f"{name} lacks {', '.join(lacking) or 'what is expected'}")
        real, generated = (tensors[tensor].numpy() for tensor in pair)  # float32 [n, d], [m, d]
        shapes = [list(real.shape), list(generated.shape)]
        if "shape" in expected[name]:
            yield Check(f"sidecar: {name}.shape", shapes, expected[name]["shape"], EXACT, minor=True)
        tolerance = _tolerance(tensors[pair[0]], tensors[pair[1]])
        for column, recorded in _columns(name, expected[name], "expected_"):
            if column not in DDOF:
                raise CaseError(f"{name}.{column} is unknown; known are {', '.join(DDOF)}")
            ours = frechet_distance(real, generated, ddof=DDOF[column])
            yield Check(f"sidecar: {name}.{column}", ours, recorded, tolerance)


def _tolerance(real: Tensor, generated: Tensor) -> Tolerance:
    if sorted(real.tolist()) == sorted(generated.tolist()):
        return IDENTICAL
    singular = any(len(rows) <= rows.shape[1] or bool((rows == rows[0]).all(0).any()) for rows in (real, generated))
    return SINGULAR if singular else FULL_RANK


def _scores(tensors: Mapping[str, Tensor], expected: Mapping[str, Any]) -> Iterator[Check]:
    for name, tensor in tensors.items():
        if name.startswith(SHUFFLE):
            yield Check(name, shuffled(int(name.removeprefix(SHUFFLE)), SHUFFLE_SEED), tensor, EXACT)
            continue
        if name not in expected:
            raise CaseError(f"{name} lacks what is expected")
        for column, recorded in _columns(name, expected[name], "float64_"):
            splits = int(column.removeprefix(SPLITS))
            mean, deviation = inception_score(tensor.numpy(), splits, SHUFFLE_SEED)
            yield Check(f"sidecar: {name}.{column}.mean", mean, recorded[0], MEAN)
            allowed = EXACT if splits == 1 else DEVIATION
            yield Check(f"sidecar: {name}.{column}.deviation", deviation, recorded[1], allowed)


def _columns(name: str, expected: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    columns = [(column, recorded) for column, recorded in expected.items() if column.startswith(prefix)]
    if not columns:
        raise CaseError(f"{name} was recorded, and no {prefix}* says what is expected")
    return columns
