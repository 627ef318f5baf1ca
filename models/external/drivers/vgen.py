"""I2VGen-XL in VGen, kept alive: its own entry point makes every video, and finds its networks already loaded.

The published script seeds once for a whole list, leaves out a last frame that is mostly grey, and names its files after
captions. Here each request is seeded by itself and all frames are kept. The noise is drawn on the CPU after the
networks have been made, which draws from the same generator: under one seed the published script, which makes them
anew, draws other noise than this.
"""

from __future__ import annotations

import importlib
import tempfile
from types import SimpleNamespace
from typing import Any

import numpy

entrance: Any = None


class Line(str):
    """A line of the list of pictures and captions, which no caption can break."""

    parts: tuple[str, str]

    def strip(self, *_: Any) -> Line:
        return self

    def split(self, *_: Any) -> list[str]:
        return list(self.parts)


def load(job: dict[str, Any]) -> None:
    global entrance
    # Not `import ... as`: the package has a function of the module's name.
    entrance = importlib.import_module("tools.inferences.inference_i2vgen_entrance")
    for registry in ("EMBEDDER", "AUTO_ENCODER", "DIFFUSION"):
        setattr(entrance, registry, SimpleNamespace(build=_once(getattr(entrance, registry).build)))
    built = _once(entrance.MODEL.build)
    entrance.MODEL = SimpleNamespace(build=built)
    entrance.reload = lambda module: module  # every reload of logging would leave a file open
    with tempfile.TemporaryDirectory() as folder:
        _run({**job["config"], "seed": 0, "log_dir": folder}, [])
    built().load_state_dict = lambda *_, **__: "kept"  # the script fills it again for every request
    entrance.torch.load = lambda *_, **__: {"state_dict": None, "step": 0}


def generate(request: dict[str, Any]) -> Any:
    made: list[Any] = []

    def keep(path: str, video: Any, captions: Any, mean: Any, std: Any, *_: Any) -> None:  # video: [1, 3, T, H, W]
        scale, offset = (numpy.reshape(one, (3, 1, 1, 1)).astype("float32") for one in (std, mean))
        frames = numpy.asarray(video)[0].astype("float32") * scale + offset
        made.append((frames.clip(0, 1) * 255).astype("uint8").transpose(1, 2, 3, 0))

    entrance.save_i2vgen_video_safe = keep
    line = Line(f"{request['first_frame']}|||{request['prompt']}")
    line.parts = (request["first_frame"], request["prompt"])
    _run(request["config"], [line])
    return made[0]


def _run(config: dict[str, Any], lines: list[Line]) -> None:
    entrance.open = lambda *_: SimpleNamespace(readlines=lambda: lines)
    # debug: one process, without torch.distributed, which can be set up once only.
    settings = {**config, "debug": True, "cfg_file": "config.yaml", "test_list_path": "list.txt"}
    entrance.INFER_ENGINE.build({"type": settings["TASK_TYPE"]}, cfg_update=settings)


def _once(build: Any) -> Any:
    """A function that makes its thing at the first call, and gives it back at every other."""
    made: list[Any] = []

    def call(*args: Any, **options: Any) -> Any:
        if not made:
            made.append(build(*args, **options))
        return made[0]

    return call
