"""LAION's predictors give what their repositories' code gives, and take no other checkpoint for theirs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from i2vbench import weights
from i2vbench.checkpoints import CheckpointError
from i2vbench.metrics.networks import aesthetic
from i2vbench.weights.check import check_file
from i2vbench.weights.tensors import read_tensors
from tests.conftest import ROOT
from tests.reference import recipe

REAL = Path(os.environ.get("I2VBENCH_REAL_WEIGHTS") or ROOT.parent / "shared" / "weights")
"""A folder with files as their authors publish them."""

LAYERS = {
    "layers.0": (1024, 768), "layers.2": (128, 1024), "layers.4": (64, 128), "layers.6": (16, 64), "layers.7": (1, 16),
}  # fmt: skip
CHAIN = {f"{name}.weight": shape for name, shape in LAYERS.items()} | {
    f"{name}.bias": shape[:1] for name, shape in LAYERS.items()
}

State = dict[str, torch.Tensor]


def filled(shapes: dict[str, tuple[int, ...]]) -> State:
    return {name: torch.from_numpy(recipe.tensor(name, shape)) for name, shape in shapes.items()}


def linear(features: int) -> State:
    return filled({"weight": (1, features), "bias": (1,)})


def pictures(features: int, count: int = 5) -> npt.NDArray[np.float32]:
    """As CLIP gives them: some 10 long."""
    return 10 * np.random.default_rng(0).standard_normal((count, features), dtype=np.float32) / features**0.5


def over_length(a: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """As both repositories have it."""
    lengths = np.atleast_1d(np.linalg.norm(a, 2, -1))
    lengths[lengths == 0] = 1
    return a / np.expand_dims(lengths, -1)


def published(state: State, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The scores by their definition, in float64."""
    x = over_length(features).astype(np.float64)
    names = [""] if "weight" in state else [f"{name}." for name in LAYERS]
    for name in names:
        x = x @ state[f"{name}weight"].double().numpy().T + state[f"{name}bias"].double().numpy()
    return x[:, 0]


@pytest.mark.parametrize(
    ("state", "features"), [(linear(768), 768), (linear(512), 512), (filled(CHAIN), 768)], ids=["l14", "b32", "mlp"]
)
def test_scores_are_those_of_the_published_definition(state: State, features: int) -> None:
    network = aesthetic.load(state, aesthetic.Sizes(features))
    given = pictures(features)
    scores = network(aesthetic.unit_length(torch.from_numpy(given)))
    np.testing.assert_allclose(scores.numpy(), published(state, given), rtol=0, atol=2e-6)
    assert np.ptp(scores.numpy()) > 1e-3, "else any picture would do"
    assert aesthetic.width_of(network) == features
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_chain_is_the_published_module_without_its_dropout() -> None:
    """With the layers in their places, dropout among them, in evaluation mode."""
    theirs = nn.Sequential(
        nn.Linear(768, 1024), nn.Dropout(0.2), nn.Linear(1024, 128), nn.Dropout(0.2),
        nn.Linear(128, 64), nn.Dropout(0.1), nn.Linear(64, 16), nn.Linear(16, 1),
    ).eval()  # fmt: skip
    state = filled(CHAIN)
    theirs.load_state_dict({name.removeprefix("layers."): value for name, value in state.items()})
    features = torch.from_numpy(over_length(pictures(768)))
    with torch.no_grad():
        expected = theirs(features)[:, 0]
    torch.testing.assert_close(aesthetic.load(state)(features), expected, rtol=0, atol=1e-6)


def test_features_are_brought_to_length_1_as_numpy_does_and_zeros_stay() -> None:
    given = pictures(768)
    given[1] = 0
    ours = aesthetic.unit_length(torch.from_numpy(given)).numpy()
    np.testing.assert_allclose(ours, over_length(given), rtol=0, atol=1e-7)
    assert not ours[1].any()
    assert aesthetic.unit_length(torch.tensor([0.3, 0.4])).tolist() == pytest.approx([0.6, 0.8])


def test_a_score_depends_on_no_other_picture() -> None:
    network = aesthetic.load(linear(768))
    features = aesthetic.unit_length(torch.from_numpy(pictures(768)))
    torch.testing.assert_close(network(features[2:3]), network(features)[2:3], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (linear(512), r"weight \(\[1, 512\] instead of \[1, 768\]\)"),
        ({"weight": torch.zeros(1, 768)}, "1 missing: bias"),
        (filled(CHAIN) | {"layers.9.weight": torch.zeros(1)}, "1 left over: layers.9.weight"),
        ({"fc.weight": torch.zeros(1, 768)}, "another model than LAION's aesthetic predictor"),
    ],
)
def test_another_checkpoint_is_refused(state: State, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        aesthetic.load(state)


@pytest.mark.parametrize("name", ["aesthetic_l14_linear", "aesthetic_b32_linear", "aesthetic_l14_mlp"])
def test_the_real_heads_are_those_of_the_catalogue(name: str) -> None:
    facts = weights.entry(name)
    file = REAL / facts.sources[0].rpartition("/")[2]  # by its authors' name
    if not file.is_file():
        pytest.skip(f"{file.name} is not in {REAL} (I2VBENCH_REAL_WEIGHTS names another folder)")
    assert check_file(file, facts) == facts.sha256
    state = read_tensors(file)
    network = aesthetic.load(state, aesthetic.Sizes(**facts.sizes))
    given = pictures(aesthetic.width_of(network), 50)
    scores = network(aesthetic.unit_length(torch.from_numpy(given))).numpy()
    np.testing.assert_allclose(scores, published(state, given), rtol=0, atol=1e-4)
