"""Seconds per clip, peak memory and TFLOPs of ConsistI2V: ours in float32 and bfloat16, and the published code.

    python benchmarks/consisti2v.py                                    # real size, random weights; on a CPU: --steps 1
    python benchmarks/consisti2v.py --published CHECKOUT --published-python PYTHON

Every row is a process of its own, one after the other in one run: compare within a table only. The published code needs
libraries of 2023, hence an interpreter of its own (torch, diffusers 0.21.2, transformers 4.31.0,
huggingface_hub 0.17.3, einops, beartype). Weights are random, which changes neither time nor memory nor the count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from i2vbench.machine import resolve_device
from i2vbench.models.consisti2v.cost import count_flops
from i2vbench.models.consisti2v.runtime import Job, measure_apart

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", default="256x256", help="HEIGHTxWIDTH")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=1, help="the fastest counts")
    parser.add_argument("--published", type=Path, help="a checkout of TIGER-AI-Lab/ConsistI2V")
    parser.add_argument("--published-python", default=sys.executable, help="the interpreter that can import it")
    arguments = parser.parse_args()
    height, width = map(int, arguments.size.split("x"))
    device = resolve_device(arguments.device)
    shape = {"num_frames": arguments.frames, "height": height, "width": width}
    print(f"{arguments.frames} frames of {height} x {width}, {arguments.steps} steps, batch 1, {device}\n")
    print("| | s per clip | peak memory, MB | U-Net TFLOPs a forward |")
    print("|---|---:|---:|---:|")
    flops = count_flops(**shape).total
    for dtype in ("float32", "bfloat16"):
        job = Job(
            variant="",
            checkpoint=None,
            device=device,
            dtype=dtype,
            steps=arguments.steps,
            repeats=arguments.repeats,
            **shape,
        )
        measured = measure_apart(job)
        report(f"ours, {dtype}", measured.seconds, measured.memory_bytes, flops)
    if arguments.published is not None:
        settings = {**shape, "steps": arguments.steps, "repeats": arguments.repeats, "device": device}
        found = published(arguments.published, arguments.published_python, settings)
        report("published code, float32", found["seconds"], found["memory_bytes"], found["flops"])


def published(checkout: Path, python: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What the published code takes, measured by its own interpreter."""
    command = [python, str(HERE / "consisti2v_published.py"), str(checkout.resolve()), json.dumps(settings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the published code could not be run by {python}; its error is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(name: str, seconds: float, memory: int | None, flops: int) -> None:
    used = "" if memory is None else f"{memory / 1e6:,.0f}"
    print(f"| {name} | {seconds:,.2f} | {used} | {flops / 1e12:.3f} |", flush=True)


if __name__ == "__main__":
    main()
