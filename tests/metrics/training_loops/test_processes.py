"""The state of a distance is exact: over batches, and of two processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.moments import MIN_BLOCK, Moments

pytest.importorskip("torchmetrics")

from i2vbench.metrics.training_loops import distances
from tests.metrics.training_loops.given import (
    GENERATED,
    METRICS,
    REAL,
    SmallVideoDistance,
    Videos,
    numbers,
    prompts,
    take,
    videos,
)


@given(st.lists(st.integers(0, 3 * MIN_BLOCK), max_size=6), st.integers(1, 4), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_state_is_the_moments_whatever_the_batches(cuts: list[int], d: int, seed: int) -> None:
    rows = 1e3 + np.random.default_rng(seed).standard_normal((3 * MIN_BLOCK, d))
    packed = torch.from_numpy(Moments(d).to_array())
    for part in np.split(rows, sorted(cuts)):
        before = packed.clone()
        after = distances.with_rows(packed, part)
        assert (packed == before).all(), "torchmetrics keeps references to states"
        packed = after
    streamed, whole = Moments.from_array(packed.numpy()), Moments.of(rows)
    assert streamed.count == whole.count
    assert (streamed.mean == whole.mean).all()
    assert (streamed.covariance() == whole.covariance()).all()


@pytest.mark.parametrize("sizes", [(5, 3), (300, 700), (0, 40), (MIN_BLOCK, 2 * MIN_BLOCK), (200, 200, 200)])
def test_processes_merge_without_loss(sizes: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    parts = [1e3 + random.standard_normal((n, 8)) @ random.standard_normal((8, 8)) for n in sizes]
    states = [distances.with_rows(torch.from_numpy(Moments(8).to_array()), part) for part in parts]
    other = random.standard_normal((60, 8))
    together = Moments.from_array(distances.merged(torch.stack(states)).numpy())
    expected = frechet_distance(np.concatenate(parts), other)
    assert frechet_distance(together, other) == pytest.approx(expected, rel=1e-12)


def test_the_size_of_the_state_does_not_grow() -> None:
    metric = SmallVideoDistance(Videos(6))
    before = metric.real.shape
    for _ in range(3):
        metric.update(videos(90)[:, :9], real=True)
    assert metric.real[0, 0] > MIN_BLOCK
    assert metric.real.shape == before
    assert metric.real.numel() * 8 == (2 + 6 + MIN_BLOCK) * 6 * 8


SHARES = {"uneven": [(0, 5), (5, 7)], "one has nothing": [(0, 7), (7, 7)]}
"""Which of the generated videos each process sees; of the real ones the first sees 0 to 2, the second the rest."""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as `one_of_two` has: float32 features round by the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def one_of_two(rank: int, folder: str) -> None:
    """What each of the two processes runs."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.set_num_threads(1)
    results = {}
    for share, borders in SHARES.items():
        begin, end = borders[rank]
        real = REAL[:2] if rank == 0 else REAL[2:]
        for name, make in METRICS.items():
            metric = make()
            take(metric, GENERATED[begin:end], real, size=2 + rank, texts=prompts(7)[begin:end])
            results[share, name] = numbers(metric)
            take(metric, GENERATED[:1], real[:0])  # its state is its own again, and goes on
            results[f"{share}, and one more", name] = numbers(metric)
    torch.save(results, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_processes_are_one(tmp_path: Path, one_thread: None) -> None:
    torch.multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first == second, "every process has the number"
    for (share, name), found in first.items():
        alone = METRICS[name]()
        border = SHARES[share.removesuffix(", and one more")][0][1]
        more = [0] * share.endswith("one more")
        order = [*range(border), *more, *range(border, 7), *more]  # process by process
        take(alone, GENERATED[order], REAL, texts=[prompts(7)[i] for i in order])
        assert found == pytest.approx(numbers(alone), rel=1e-12), (share, name)
