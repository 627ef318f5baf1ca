"""U-Net forward passes, some with the output of every block and the insides of a transformer.

The published code repeats projections that ours makes once. What it recorded of them is put together here from ours:
frame 0's keys and values after each frame's own, and those of the eight neighbours after each pixel's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.models.consisti2v import ConsistI2VUNet
from i2vbench.models.consisti2v.spatial import extend_by_first_frame
from i2vbench.models.consisti2v.temporal import extend_by_window
from i2vbench.models.consisti2v.transformer import Grid
from tests.reference.cases import Case, CaseError
from tests.reference.compare import Check, Tolerance
from tests.reference.kinds.consisti2v import networks

IN_TRANSFORMER = re.compile(r"(?P<transformer>.*\.(?P<which>attentions|tempo_attns)\.\d+)\.(?P<inside>.+)")
OF_TRANSFORMER = ("norm", "proj_in", "proj_out")
WINDOW = 3


@networks.one_thread
def unet_forward(case: Case) -> Iterator[Check]:
    """`in.*` goes in, `mid.*` are intermediates, `out` comes out."""
    sidecar = case.sidecar
    network = networks.unet(
        case, sidecar["config"], sidecar["config_overrides"], sidecar["keys"], sidecar["alpha_shift"]
    )
    inputs = case.inputs("in.")
    recorded = [name.removeprefix("mid.") for name in case.tensors if name.startswith("mid.")]
    with torch.no_grad(), outputs_of(network) as outputs:
        out = network(**inputs).sample
    yield from networks.shapes(case, "inputs", "in.")
    yield from networks.shapes(case, "outputs")
    yield from networks.shapes(case, "intermediates", "mid.")
    yield from case.against({"out": out}, {"out": Tolerance.of(sidecar["tolerance"])})
    if "out_std" in sidecar:
        yield Check("sidecar: out_std", out.std().item(), sidecar["out_std"])
    if recorded:
        stated = Tolerance.of(sidecar["tolerance_intermediates"])
        insides = Insides(network, outputs, out.shape[0])
        yield from case.against({f"mid.{name}": insides.published(name) for name in recorded}, {"mid": stated})


@contextmanager
def outputs_of(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """What each module of a network gave while in the context, by its name. Of a tuple, the first."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: object, output: Any) -> None:
            outputs[name] = output[0] if isinstance(output, tuple) else output

        return hook

    watched = [(name, module) for name, module in network.named_modules() if name]
    handles = [module.register_forward_hook(keep(name)) for name, module in watched]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


class Insides:
    """Intermediates of our forward pass in the layout in which the published ones were recorded.

    Args:
        network: Ours.
        outputs: What its modules gave.
        batch: Number of videos.
    """

    def __init__(self, network: ConsistI2VUNet, outputs: dict[str, Tensor], batch: int) -> None:
        self.network = network
        self.outputs = outputs
        self.batch = batch
        self.num_frames = outputs["conv_in"].shape[0] // batch

    def published(self, name: str) -> Tensor:
        """Ours of what was recorded as `name`.

        Raises:
            CaseError: There is nothing of that name.
        """
        found = IN_TRANSFORMER.fullmatch(name)
        if not found:
            return self._output(name)
        transformer, inside = found["transformer"], found["inside"]
        if inside in OF_TRANSFORMER:
            return self._output(f"{transformer}.{inside}")
        block = f"{transformer}.transformer_blocks.0"
        if inside == "block":
            return self._output(block)
        if not inside.startswith("attn1."):
            return self._output(f"{block}.{inside}")
        if found["which"] == "attentions":
            return self._spatial(block, inside.removeprefix("attn1."))
        return self._temporal(transformer, block, inside.removeprefix("attn1."))

    def _output(self, name: str) -> Tensor:
        if name not in self.outputs:
            raise CaseError(f"{name} was recorded, and ours has no module of that name")
        return self.outputs[name]

    def _spatial(self, block: str, inside: str) -> Tensor:
        """[b f, n, C], or [b f, 2n, C] with the first frame's tokens after each frame's own."""
        tokens = self._output(f"{block}.norm1" if inside == "encoder_hidden_states" else f"{block}.attn1.{inside}")
        attention: Any = self.network.get_submodule(f"{block}.attn1")
        if inside == "to_q" or not attention.first_frame:
            return tokens
        return extend_by_first_frame(tokens, self.num_frames)

    def _temporal(self, transformer: str, block: str, inside: str) -> Tensor:
        """Queries [b hw, f, C]; keys and values [b hw, f+8, C]; adjacent_slices [b, C, h, w, 8]."""
        attention: Any = self.network.get_submodule(f"{block}.attn1")
        height, width = self._output(f"{transformer}.norm").shape[-2:]
        source = {"adjacent_slices": "norm1", "rotated_q": "attn1.to_q", "rotated_k": "attn1.to_k"}.get(
            inside, f"attn1.{inside}"
        )
        tokens = self._output(f"{block}.{source}")
        tokens = tokens.reshape(self.batch, self.num_frames, *tokens.shape[-2:])  # [b, f, hw, C]
        if inside.startswith("rotated_"):
            tokens = attention.positions.turn(tokens)
        if inside in ("to_q", "rotated_q") or attention.window == 1:
            return _per_pixel(tokens)
        around = neighbours(tokens, Grid(self.num_frames, height, width))  # [b, 8, hw, C]
        if inside == "adjacent_slices":
            return around.permute(0, 3, 2, 1).unflatten(2, (height, width))
        return _per_pixel(torch.cat((tokens, around), dim=1))


def neighbours(tokens: Tensor, grid: Grid) -> Tensor:
    """The first frame's window around each pixel without its centre, by the model's own function.

    Args:
        tokens: [b, f, hw, C].

    Returns:
        [b, 8, hw, C], row by row.
    """
    window = extend_by_window(tokens, grid, WINDOW)[:, grid.num_frames - 1 :]  # [b, 9, hw, C]
    centre = WINDOW * WINDOW // 2
    return torch.cat((window[:, :centre], window[:, centre + 1 :]), dim=1)


def _per_pixel(x: Tensor) -> Tensor:
    """[b, f, hw, C] -> [b hw, f, C]."""
    return x.transpose(1, 2).flatten(0, 1)
