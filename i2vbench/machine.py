"""What this machine is to a run: its devices, and the versions of what can move a number."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from i2vbench.errors import UserError
from i2vbench.names import DEVICE

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "open_clip_torch",
    "diffusers",
    "transformers",
    "numpy",
    "av",
    "decord",
    "pillow",
)
"""Packages whose version can move a number."""


def versions(device: str, more: Sequence[str] = ()) -> dict[str, str]:
    """Versions of what can move a number (and of `more` packages), and the machine's kind."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in (*PACKAGES, *more):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if device.startswith("cuda"):
        import torch

        found |= {"gpu": torch.cuda.get_device_name(device), "cuda": str(torch.version.cuda)}
    return found


def resolve_device(name: str) -> str:
    """The device to work on; "auto" is a GPU where there is one.

    Raises:
        UserError: For a device that is not there.
    """
    if name == "cpu":
        return name
    if not DEVICE.fullmatch(name):
        raise UserError(f"unknown device '{name}': expected auto, cpu, mps, cuda, cuda:1, ...")
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    number = int(name.partition(":")[2] or 0)
    there = torch.backends.mps.is_available() if name == "mps" else number < torch.cuda.device_count()
    if not there:
        raise UserError(f"device '{name}': torch {torch.__version__} finds no such GPU here; name another, or cpu")
    return name
