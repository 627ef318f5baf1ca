"""The mean over clips that per-clip metrics inherit."""

from __future__ import annotations

import statistics
import weakref
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from i2vbench import weights
from i2vbench.errors import UserError
from i2vbench.metrics.base import NetworkMetric
from i2vbench.metrics.temporal_flickering import TemporalFlickering
from i2vbench.profiles import load_profile
from i2vbench.types import Clip, Measurement, MetricInfo

METRIC = TemporalFlickering()


def measurements(values: list[float]) -> list[Measurement]:
    return [Measurement(f"s{i}", METRIC.info.id, value=value) for i, value in enumerate(values)]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.randoms())
@settings(deadline=None)
def test_mean_and_spread_whatever_the_order(values: list[float], random: object) -> None:
    cell = METRIC.aggregate(measurements(values))
    assert cell.n == len(values)
    assert cell.value == pytest.approx(statistics.fmean(values))
    assert cell.spread == pytest.approx(statistics.stdev(values), abs=1e-12)
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert METRIC.aggregate(measurements(shuffled)) == cell, "to the last bit"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.integers(2, 4))
def test_every_clip_again_changes_no_mean(values: list[float], times: int) -> None:
    once, often = METRIC.aggregate(measurements(values)), METRIC.aggregate(measurements(values * times))
    assert often.value == pytest.approx(once.value, abs=1e-15)


class Seen(NetworkMetric):
    info = MetricInfo(id="seen", title="Seen", direction="higher", checkpoints=("clip_vit_b32",))
    network = "clip"

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError


class Otherwise(Seen):
    """Makes something else of the same checkpoint, as metrics of users may."""

    def read_network(self, *checkpoints: str) -> nn.Module:
        return nn.Identity()


@pytest.mark.parametrize("order", [(Seen, Otherwise, Seen), (Otherwise, Seen, Seen)])
def test_metrics_of_one_network_and_checkpoint_share_it(
    order: tuple[type[Seen], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "read", lambda name: {})
    monkeypatch.setattr("i2vbench.metrics.networks.clip.load", lambda state: nn.Linear(1, 1))
    metrics = [kind() for kind in order]
    for metric in metrics:
        metric.load("cpu", "float32")
    shared = [metric._network for metric in metrics if type(metric) is Seen]
    assert shared[0] is shared[1]
    assert all(type(metric._network) is nn.Identity for metric in metrics if type(metric) is Otherwise)
    before = weakref.ref(shared.pop())
    shared.clear()
    for metric in metrics:
        metric.unload()
    assert before() is None, "nobody holds it"


def test_metrics_of_other_checkpoints_or_devices_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "read", lambda name: {})
    monkeypatch.setattr("i2vbench.metrics.networks.clip.load", lambda state, *_: nn.Linear(1, 1))
    one, other, elsewhere = Seen(), Seen(), Seen()
    other.info = replace(other.info, checkpoints=("tiny_clip",))
    for metric, device in ((one, "cpu"), (other, "cpu"), (elsewhere, "meta")):
        metric.load(device, "float32")
    assert len({id(metric._network) for metric in (one, other, elsewhere)}) == 3


class Either(Seen):
    other_networks = frozenset({"efficientnet"})


def under(name: str, metric: NetworkMetric) -> NetworkMetric:
    metric.prepare(replace(load_profile("paper"), checkpoints={"seen": (name,)}))
    return metric


def test_the_network_follows_the_profiles_checkpoint() -> None:
    assert under("efficientnet_lite0", Either()).network_code.__name__.endswith(".efficientnet")
    assert under("tiny_clip", Either()).network == "clip"
    assert Either().network == "clip", "of this one alone"
    with pytest.raises(UserError, match="checkpoints of seen: efficientnet_lite0 is read by the network efficientnet"):
        under("efficientnet_lite0", Seen())


def test_one_clip_has_no_spread_and_none_has_no_number() -> None:
    assert METRIC.aggregate(measurements([0.5])).spread is None
    empty = METRIC.aggregate([])
    assert empty.value is None
    assert empty.note
