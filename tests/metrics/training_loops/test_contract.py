"""What torchmetrics asks of a metric, and what the model around it does to it."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("torchmetrics")

from torchmetrics import MetricCollection

from i2vbench.metrics import CLIPSimilarity
from i2vbench.metrics.training_loops import base
from tests.metrics.training_loops.given import (
    GENERATED,
    METRICS,
    REAL,
    SmallVideoDistance,
    Videos,
    Words,
    floats,
    numbers,
    prompts,
    take,
    videos,
)


@pytest.mark.parametrize("name", METRICS)
def test_the_batch_size_changes_nothing(name: str) -> None:
    one, many = METRICS[name](), METRICS[name]()
    take(one, GENERATED, REAL, size=1)
    take(many, GENERATED, REAL, size=9)
    assert numbers(one) == pytest.approx(numbers(many), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_reset_forgets_everything(name: str) -> None:
    fresh, used = METRICS[name](), METRICS[name]()
    take(used, videos(5, 8), videos(5, 9))
    used.compute()
    used.reset()
    for metric in (fresh, used):
        take(metric, GENERATED, REAL)
    assert numbers(used) == numbers(fresh)


def test_reset_can_keep_the_real_videos() -> None:
    metric, fresh = SmallVideoDistance(Videos(6), reset_real_features=False), SmallVideoDistance(Videos(6))
    take(metric, videos(5, 8), REAL)
    metric.reset()
    metric.update(GENERATED, real=False)
    take(fresh, GENERATED, REAL)
    assert numbers(metric) == numbers(fresh)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: m.clone(), lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("name", METRICS)
def test_copies_go_on_by_themselves(name: str, copied: Callable[[Any], Any]) -> None:
    metric = METRICS[name]()
    take(metric, GENERATED, REAL)
    expected = numbers(metric)
    other = copied(metric)
    assert numbers(other) == expected
    take(other, videos(6, 8), REAL)
    assert numbers(other) != expected
    metric._computed = None
    assert numbers(metric) == expected


@pytest.mark.parametrize("name", METRICS)
def test_a_state_dict_brings_the_state_back_and_no_network(name: str) -> None:
    metric, other = METRICS[name](), METRICS[name]()
    assert not metric.state_dict(), "as torchmetrics': only on demand"
    assert not list(metric.parameters()), "nothing for an optimizer"
    metric.persistent(True)
    take(metric, GENERATED, REAL)
    file = io.BytesIO()
    torch.save(metric.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for each in (metric, other):
        take(each, videos(6, 8), REAL)
    assert numbers(other) == numbers(metric)


@pytest.mark.parametrize("name", ["fvd", "clipsim"])
def test_merge_state_joins_two_metrics(name: str) -> None:
    whole, first, second = METRICS[name](), METRICS[name](), METRICS[name]()
    take(whole, GENERATED, REAL)
    take(first, GENERATED[:2], REAL[:4])
    take(second, GENERATED[2:], REAL[4:], texts=prompts(7)[2:])
    second.merge_state(first)
    assert numbers(second) == pytest.approx(numbers(whole), rel=1e-12)


def test_a_collection_gives_each_what_it_takes() -> None:
    collection = MetricCollection({name: make() for name, make in METRICS.items() if name != "fid"})
    collection["fvd"].update(REAL, real=True)
    for begin in (0, 4):
        batch = GENERATED[begin : begin + 4]
        collection.update(batch, real=False, prompts=prompts(7)[begin : begin + 4])
    for name, value in collection.compute().items():
        alone = METRICS[name]()
        take(alone, GENERATED, REAL, size=4)
        assert floats(value) == numbers(alone), name
    collection.reset()
    assert not any(metric.update_called for metric in collection.values())


def test_one_batch_by_itself_is_a_value_of_clipsim_alone() -> None:
    metric = CLIPSimilarity(Words())
    batch = metric(GENERATED[:3], prompts(3))
    whole = CLIPSimilarity(Words())
    whole.update(GENERATED[:3], prompts(3))
    assert batch == whole.compute()
    metric(GENERATED[3:], prompts(7)[3:])
    assert metric.count == 7
    distance = SmallVideoDistance(Videos(6))
    distance.update(REAL, real=True)
    with pytest.raises(RuntimeError, match=r"SmallVideoDistance has no value of one batch: call update\(...\)"):
        distance(GENERATED, real=False)
    distance.update(GENERATED, real=False)
    assert numbers(distance), "nothing was lost"


# The model around.


class Model(nn.Module):
    def __init__(self, metric: nn.Module) -> None:
        super().__init__()
        self.layer, self.metric = nn.Linear(2, 2), metric


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("cast", [nn.Module.half, nn.Module.bfloat16, lambda m: m.to(torch.bfloat16), nn.Module.train])
def test_casts_of_the_model_do_not_reach_the_metric(name: str, cast: Callable[[nn.Module], nn.Module]) -> None:
    metric, alone = METRICS[name](), METRICS[name]()
    take(metric, GENERATED[:4], REAL)
    model = cast(Model(metric))
    assert set(dict(model.named_parameters())) == {"layer.weight", "layer.bias"}
    assert not metric.network.training
    take(metric, GENERATED[4:], REAL[:0], texts=prompts(7)[4:])
    take(alone, GENERATED[:4], REAL)
    take(alone, GENERATED[4:], REAL[:0], texts=prompts(7)[4:])
    assert numbers(metric) == numbers(alone)
    assert model.to(torch.float64).metric.compute() == alone.compute()


@pytest.mark.parametrize("name", METRICS)
def test_autocast_and_inference_mode_change_nothing(name: str) -> None:
    metric, plain = METRICS[name](), METRICS[name]()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        take(metric, GENERATED[:4], REAL)
        metric.reset()
        take(metric, GENERATED[:4], REAL)
    take(plain, GENERATED[:4], REAL)
    for each in (metric, plain):
        take(each, GENERATED[4:], REAL[:2], texts=prompts(7)[4:])
    assert numbers(metric) == numbers(plain)


@pytest.mark.parametrize("name", METRICS)
def test_without_float64_the_sums_stay_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device "meta" stands for one that has none."""
    monkeypatch.setattr(base, "WITHOUT_FLOAT64", {"meta"})
    metric = METRICS[name]()
    take(metric, GENERATED, REAL)
    expected = numbers(metric)
    metric.to("meta")
    assert metric.device.type == "meta"
    assert all(tensor.is_meta for tensor in metric.network.buffers())
    assert numbers(metric) == expected
