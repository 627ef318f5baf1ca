"""`i2vbench profile`: Table 3's right half: peak memory, seconds a clip, and the U-Net's TFLOPs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, parse_dtype, parse_size, split
from i2vbench.cli.options import Device, Dtype, Json, QuietButJson
from i2vbench.cli.output import print_json
from i2vbench.errors import UserError
from i2vbench.names import nearest

if TYPE_CHECKING:
    from i2vbench.models.consisti2v.cost import Flops
    from i2vbench.models.consisti2v.runtime import Runtime

FULL = "full"
PAPER_STEPS, PAPER_FRAMES, PAPER_SIZE = 50, 16, (256, 256)
PAPER_WIDTHS = [320, 640, 1280, 1280]


def profile(
    model: Annotated[str, options.model(": consisti2v alone.")] = "consisti2v",
    variants: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="'all', or some separated by commas: full, no-frameinit, ...",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    checkpoint: Annotated[str | None, options.checkpoint(". Default: random weights of the published size.")] = None,
    steps: Annotated[int, options.steps(" of the clips timed.", min=1, max=999)] = PAPER_STEPS,
    frames: Annotated[int, options.frames(min=2)] = PAPER_FRAMES,
    size: Annotated[str, options.size()] = "256x256",
    repeats: Annotated[
        int,
        typer.Option(min=1, help="Clips timed of each variant; the fastest counts.", rich_help_panel=options.HOW),
    ] = 1,
    flops_only: Annotated[
        bool,
        typer.Option(
            "--flops-only",
            help="Count, and measure nothing: seconds, on any machine.",
            rich_help_panel=options.HOW,
        ),
    ] = False,
    device: Device = "auto",
    dtype: Dtype = "float32",
    json_output: Json = False,
    quiet: QuietButJson = False,
) -> None:
    """Say what a clip costs with ConsistI2V and without its parts (Table 3).

    Memory and seconds are measured, each variant in a process of its own; TFLOPs are counted. Beside them stand the
    paper's numbers and the published code's.

    Example: i2vbench profile --model consisti2v --dtype bf16
    """
    if model != "consisti2v":
        raise UserError(f"model '{model}' cannot be profiled: Table 3 is of consisti2v; see --variants, --checkpoint")
    dtype = parse_dtype(dtype)
    check_device(device)
    height, width = parse_size(size)
    chosen = _parse_variants(variants)

    from i2vbench.machine import resolve_device
    from i2vbench.models.consisti2v.cost import network_shape
    from i2vbench.models.consisti2v.runtime import Job, measure_apart

    folders = _folders(chosen, checkpoint)
    shapes = {variant: network_shape(folder) if folder else {} for variant, folder in folders.items()}
    config = shapes[chosen[0]].get("config", {})
    published = list(config.get("block_out_channels", PAPER_WIDTHS)) == PAPER_WIDTHS
    as_in_paper = published and (frames, (height, width)) == (PAPER_FRAMES, PAPER_SIZE)
    flops = _count(shapes, frames, height, width)
    runtimes: dict[str, Runtime] = {}
    if not flops_only:
        device = resolve_device(device)
        if device == "cpu" and as_in_paper and not quiet:
            print("note: at this size a CPU is slow; --flops-only counts alone", file=sys.stderr)
        for variant in chosen:
            if not quiet:
                print(f"measuring {variant or FULL} on {device} in {dtype}", file=sys.stderr, flush=True)
            job = Job(
                variant=variant, checkpoint=folders[variant], device=device, dtype=dtype, num_frames=frames,
                height=height, width=width, steps=steps, repeats=repeats,
            )  # fmt: skip
            runtimes[variant] = measure_apart(job)
    rows = [_row(variant, flops[variant], runtimes.get(variant), as_in_paper) for variant in chosen]
    notes = _notes(frames, height, width, as_in_paper, flops[chosen[0]])
    if runtimes:
        notes = _measured_notes(device, dtype, steps, repeats, checkpoint) + notes
    if json_output:
        print_json({"rows": rows, "notes": notes})
    if json_output or quiet:
        return
    _print_table(rows)
    print()
    for note in notes:
        print(f"- {note}")


def _parse_variants(values: list[str] | None) -> list[str]:
    """Words of `sampling.VARIANTS` that are rows of Table 3, in its order; "" is the full model."""
    from i2vbench.models.consisti2v.cost import REPORTED

    names = {variant or FULL: variant for variant in REPORTED}
    wanted = split(values) or ["all"]
    for name in wanted:
        if name not in (*names, "all"):
            raise UserError(f"unknown variant '{name}': {nearest(name, names)}")
    return [variant for name, variant in names.items() if name in wanted or "all" in wanted]


def _folders(variants: list[str], checkpoint: str | None) -> dict[str, Path | None]:
    """Where the networks of each variant are; None for random ones."""
    from i2vbench.models.consisti2v.sampling import VARIANTS
    from i2vbench.models.consisti2v.tiny.folder import find_variant

    if checkpoint is None:
        return dict.fromkeys(variants)
    return {variant: find_variant(checkpoint, VARIANTS[variant]) for variant in variants}


def _count(shapes: Mapping[str, Mapping[str, Any]], frames: int, height: int, width: int) -> dict[str, Flops]:
    """What the U-Net needs, by variant."""
    from i2vbench.models.consisti2v.cost import count_flops
    from i2vbench.models.consisti2v.sampling import VARIANTS

    if height % 8 or width % 8:
        raise UserError(f"--size {height}x{width}: expected multiples of 8")
    return {
        variant: count_flops(num_frames=frames, height=height, width=width, **shape, **VARIANTS[variant].unet)
        for variant, shape in shapes.items()
    }


def _row(variant: str, flops: Flops, runtime: Runtime | None, as_in_paper: bool) -> dict[str, Any]:
    """A row of the table, as --json prints it; what is not known is left out."""
    from i2vbench.models.consisti2v.cost import REPORTED
    from i2vbench.models.consisti2v.sampling import VARIANTS

    row: dict[str, Any] = {"variant": variant or FULL, "title": VARIANTS[variant].title}
    if runtime is not None:
        row["seconds"] = runtime.seconds
        row["memory_bytes"] = runtime.memory_bytes
    row["tflops"] = flops.total / 1e12
    row["tflops_without_attention"] = flops.without_attention / 1e12
    if as_in_paper:
        reported = REPORTED[variant]
        row["published_code"] = {
            "tflops": reported.code,
            "tflops_without_attention": reported.code_without_attention,
        }
        row["paper"] = {"tflops": reported.paper, "memory_mb": reported.memory_mb, "seconds": reported.seconds}
    return row


def _measured_notes(device: str, dtype: str, steps: int, repeats: int, checkpoint: str | None) -> list[str]:
    weights = "the checkpoint's weights" if checkpoint else "random weights, which cost what trained ones do"
    if device.startswith("cuda"):
        import torch

        where = torch.cuda.get_device_name(device)
        memory = "the most that torch handed out on the GPU, weights included"
    else:
        where = device
        memory = "the most resident in the process, Python and libraries included"
    seconds = (
        f"seconds: one clip from picture and prompt to frames (text encoder, VAE, sampling with "
        f"guidance, decoding), the fastest of {repeats}, on {where} in {dtype}, {weights}"
    )
    if steps != PAPER_STEPS:
        seconds += f"; sampled in {steps} instead of the paper's {PAPER_STEPS} steps, and not scaled to them"
    return [seconds, f"MiB: {memory}"]


def _notes(frames: int, height: int, width: int, as_in_paper: bool, flops: Flops) -> list[str]:
    notes = [
        f"TFLOPs: one forward pass of the U-Net, batch 1, {frames} frames of {height} x {width}; "
        "torch.utils.flop_counter on the meta device, two for each multiply-add of convolutions, linear layers and "
        "attention products; `linear` is without the attention products, which the paper's counter did not see",
        f"of ours, {flops.text / 1e12:.4f} are the text's keys and values, which sampling computes once a clip, not "
        "once a step",
    ]
    if as_in_paper:
        notes.append("code: the published code's forward pass, counted in the same way")
        notes.append("paper: Table 3; RTX 4090, float32, 50 steps, batch 1")
    else:
        notes.append("the paper's numbers are for 16 frames of 256 x 256 at the published size, and left out here")
    return notes


def _print_table(rows: list[dict[str, Any]]) -> None:
    """A line a row, under whose numbers they are; columns that no row has are left out."""
    titles = [row["title"] for row in rows]
    lines = [" " * max(map(len, titles))] * 2 + [title.ljust(max(map(len, titles))) for title in titles]
    for whose, columns in _COLUMNS.items():
        table = [[name, *(_number(row, *where) for row in rows)] for name, where in columns.items()]
        table = [column for column in table if any(column[1:])]
        if table:
            blocks = [[text.rjust(max(map(len, column))) for text in column] for column in table]
            joined = ["  ".join(cells) for cells in zip(*blocks, strict=True)]
            lines = [
                f"{line}   {more}" for line, more in zip(lines, [whose.center(len(joined[0])), *joined], strict=True)
            ]
    print("\n".join(line.rstrip() for line in lines))


_COLUMNS: dict[str, dict[str, tuple[str, str, float, int]]] = {
    "ours": {
        "MiB": ("", "memory_bytes", 2**20, 0),
        "seconds": ("", "seconds", 1, 2),
        "TFLOPs": ("", "tflops", 1, 3),
        "linear": ("", "tflops_without_attention", 1, 3),
    },
    "published code": {
        "TFLOPs": ("published_code", "tflops", 1, 3),
        "linear": ("published_code", "tflops_without_attention", 1, 3),
    },
    "paper": {
        "MB": ("paper", "memory_mb", 1, 0),
        "seconds": ("paper", "seconds", 1, 2),
        "TFLOPs": ("paper", "tflops", 1, 3),
    },
}
"""By whose numbers they are and by title: part of a row, name in it, unit, decimals."""


def _number(row: dict[str, Any], part: str, name: str, unit: float, decimals: int) -> str:
    value = (row.get(part, {}) if part else row).get(name)
    return "" if value is None else f"{value / unit:.{decimals}f}"
