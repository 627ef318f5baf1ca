"""AnimateAnything, kept alive: its own main_eval() makes every video, and finds its networks already loaded.

The published script makes six videos of a picture, each with other noise, and each starting where the last one left
the generator; only the first is made here.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy
from serve import import_script  # type: ignore[import-not-found]  # beside this file

train: Any = None
base: dict[str, Any] = {}


class Settings(dict):  # type: ignore[type-arg]  # Python 3.8 has no dict[str, Any] here
    """A table whose values are attributes too, as the script reads them."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def load(job: dict[str, Any]) -> None:
    global train, base
    train = import_script(os.path.join(job["repository"], "train.py"))
    checkpoint = job["config"]["pretrained_model_path"]
    loaded = train.OmegaConf.load(os.path.join(checkpoint, "config.yaml"))
    base = train.OmegaConf.to_container(loaded, resolve=True)
    build, batch_eval = train.load_primary_models, train.batch_eval
    networks = build(checkpoint, motion_strength=base.get("motion_strength", False))
    train.load_primary_models = lambda *_, **__: networks
    train.batch_eval = functools.partial(batch_eval, iters=1)


def generate(request: dict[str, Any]) -> Any:
    made: list[Any] = []

    def keep(path: str, frames: Any, **_: Any) -> None:
        if path.endswith(".mp4"):  # it writes a GIF too
            made.append(numpy.stack(frames))

    train.imageio.mimwrite = keep
    os.chdir(request["request_dir"])  # it writes output/demo/ where it works
    config = request["config"]
    settings = {**base, **config}
    settings["validation_data"] = Settings({**base.get("validation_data", {}), **config["validation_data"]})
    train.main_eval(**settings)
    return made[0]
