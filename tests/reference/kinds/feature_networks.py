"""The networks of FVD, the Inception Score and FID (`i3d/`, `c3d/`, `inception_fid/`).

These cases have no sidecar: network, seed and state stand in the metadata of the tensors' file. A state is a file of
statistics, measured on other clips, to be put over the recipe's; without it the features hardly depend on the clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from i2vbench.metrics.networks import c3d as our_c3d
from i2vbench.metrics.networks import i3d as our_i3d
from i2vbench.metrics.networks import inception
from tests.reference import recipe
from tests.reference.cases import Case, CaseError
from tests.reference.compare import Check, Tolerance

I3D_TOLERANCE = {"plain": Tolerance(atol=2e-6), "calibrated": Tolerance(atol=2e-4)}
I3D_ENDPOINTS = (
    "Conv3d_1a_7x7", "MaxPool3d_2a_3x3", "Conv3d_2b_1x1", "Conv3d_2c_3x3", "MaxPool3d_3a_3x3", "Mixed_3b", "Mixed_3c",
    "MaxPool3d_4a_3x3", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f", "MaxPool3d_5a_2x2", "Mixed_5b",
    "Mixed_5c", "pool",
)  # fmt: skip
I3D_ROW, I3D_FRAME = 37, 0

C3D_TOLERANCES = {"fc8": Tolerance(atol=2e-4), "prob": Tolerance(atol=1e-5)}
C3D_LAYERS = (
    "conv1a", "pool1", "conv2a", "pool2", "conv3a", "conv3b", "pool3", "conv4a", "conv4b", "pool4", "conv5a", "conv5b",
    "pool5", "fc6", "fc7", "fc8",
)  # fmt: skip
C3D_LINEAR = ("conv", "fc6", "fc7")
"""Begin the names of what is followed by a ReLU, with which it was recorded."""
C3D_ROW, C3D_FRAME = 37, 5

INCEPTION_TOLERANCES: dict[str, dict[str, Tolerance | None]] = {
    "plain": {"features": Tolerance(atol=1e-6)},
    "calibrated": {
        "features": Tolerance(atol=2e-3), "features.64": None, "features.192": None, "features.768": None,
        "resized": Tolerance(atol=1e-3),
    },
}  # fmt: skip
"""What is stated for the 2048 features is 40 times what the inner ones need."""
INCEPTION_ROW, INCEPTION_COLUMN = 41, 123


def i3d(case: Case) -> Iterator[Check]:
    """`videos` go in; inputs of the network, means after its endpoints, pooled values and logits come out."""
    network = our_i3d.load(published_state(case))
    videos = our_i3d.preprocess(case.input("videos"))
    ours = {"preprocessed.mean": videos.mean(dim=(3, 4)), "preprocessed.row": videos[:, :, I3D_FRAME, I3D_ROW]}
    with outputs_of(network, I3D_ENDPOINTS) as outputs:
        ours["logits"] = network(videos)
    means = {name: output.mean(dim=(2, 3, 4)) for name, output in outputs.items()}
    ours |= {"pool": means.pop("pool")} | {f"mean.{name}": mean for name, mean in means.items()}
    yield from case.against(ours, {"logits": I3D_TOLERANCE[kind_of_state(case)]})


def c3d(case: Case) -> Iterator[Check]:
    """`videos` and the parts of the mean cube go in; inputs of the network, layers and probabilities come out."""
    network = our_c3d.load(published_state(case))
    base, row, column = (case.input(f"mean.{part}") for part in ("base", "row", "col"))
    cube = base[:, :, None, None] + row[:, None] + column  # [3, 16, H, W]
    videos = our_c3d.preprocess(case.input("videos"), our_c3d.load_mean({"mean": cube}))
    ours = {"pre.mean": videos.mean(dim=(3, 4)), "pre.row": videos[:, :, C3D_FRAME, C3D_ROW]}
    with outputs_of(network, C3D_LAYERS) as outputs:
        ours["prob"] = network(videos)
    for name, output in outputs.items():
        layer = output.relu() if name.startswith(C3D_LINEAR) else output
        ours[name] = layer
        if layer.ndim == 5:
            ours[f"mean.{name}"] = layer.mean(dim=(2, 3, 4))
    yield from case.against(ours, C3D_TOLERANCES)


def inception_fid(case: Case) -> Iterator[Check]:
    """`images` go in; a row and a column after the resize, features and logits come out."""
    network = inception.load(published_state(case))
    images = inception.preprocess(case.input("images"))
    resized = images * 128 + 128  # back in grey levels, to 1e-5
    seen = network(images)
    ours = {
        "resized.row": resized[:, :, INCEPTION_ROW],
        "resized.column": resized[:, :, :, INCEPTION_COLUMN],
        "features.64": seen.pool_64,
        "features.192": seen.pool_192,
        "features.768": seen.pool_768,
        "features": seen.features,
        "logits_unbiased": seen.logits_unbiased,
        "probabilities_unbiased": seen.logits_unbiased.softmax(dim=1),
    }
    yield from case.against(ours, INCEPTION_TOLERANCES[kind_of_state(case)])


def kind_of_state(case: Case) -> str:
    """What the tolerances go with."""
    return "calibrated" if "state" in case.metadata else "plain"


def published_state(case: Case) -> dict[str, Tensor]:
    """The recipe's checkpoint of the case's seed, and over it the case's state.

    Raises:
        CaseError: The metadata lacks the seed, names another network, or a state with tensors the network has not.
    """
    network, seed = case.metadata.get("network", case.folder), case.metadata.get("seed", "")
    if network != case.folder or not seed.isdecimal():
        raise CaseError(f"metadata: expected network {case.folder} and a seed, got network {network}, seed '{seed}'")
    state = {
        key: torch.from_numpy(array) for key, array in recipe.state(case.read_json("keys.json"), int(seed)).items()
    }
    over = load_file(case.find(case.metadata["state"])) if "state" in case.metadata else {}
    unknown = sorted(set(over) - set(state))
    if unknown:
        raise CaseError(f"{case.metadata['state']} has tensors that {network} has not: {', '.join(unknown)}")
    return state | over


@contextmanager
def outputs_of(network: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What these modules of a network gave while in the context."""
    outputs: dict[str, Tensor] = {}

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
            outputs[name] = output

        return network.get_submodule(name).register_forward_hook(keep)

    handles = [watch(name) for name in names]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
