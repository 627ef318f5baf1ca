"""Answers I2V-Bench's requests inside a repository's environment: `python serve.py DRIVER.py`.

DRIVER.py has two functions:

    load(job)          once. job["repository"], ["here"], ["device"], ["dtype"], ["checkpoints"][NAME]: texts;
                       ["config"]: the table [config] of the TOML file, without what belongs to a request
    generate(request)  for each request. ["first_frame"]: path of a PNG; ["prompt"], ["seed"], ["num_frames"],
                       ["height"], ["width"], ["fps"], ["frame_stride"]; ["config"]: the whole table, filled;
                       ["request_dir"], ["out_dir"]: folders of its own. It returns the frames, uint8 [T, H, W, 3] RGB
                       (an array, or a tensor on the CPU), or the path of a file that it has written.

What it raises costs one clip. Python 3.8 is enough, and nothing but numpy is needed. What is printed goes to the log.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from typing import Any


def import_script(path: str) -> Any:
    """A script of the repository as a module; what it imports is found as `python PATH` finds it."""
    sys.path[0] = os.path.dirname(path)
    return import_file(path)


def import_file(path: str) -> Any:
    """The module in a file."""
    name = os.path.splitext(os.path.basename(path))[0]
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main(driver_path: str) -> None:
    # Neither descriptor is for what the repository starts: a child that outlives an answer must not hold them.
    replies = os.fdopen(int(os.environ.pop("I2VBENCH_REPLIES")), "w", encoding="utf-8")
    os.set_inheritable(replies.fileno(), False)
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.modules["serve"] = sys.modules["__main__"]
    driver: Any = None
    for line in requests:
        message = json.loads(line)
        try:
            if driver is None:
                sys.path[0] = message["load"]["repository"]
                module = import_file(driver_path)
                module.load(message["load"])
                driver = module
                answer: dict[str, Any] = {"ready": True}
            else:
                answer = {"id": message["id"], "video": keep(driver.generate(message), message["out_dir"])}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises costs one clip
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.flush()
        sys.stderr.flush()
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def keep(frames: Any, folder: str) -> str:
    """Frames as a file, without loss; a path stays what it is."""
    if isinstance(frames, (str, os.PathLike)):
        return os.path.abspath(os.fspath(frames))
    import numpy

    frames = numpy.asarray(frames)
    if frames.dtype != numpy.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f"expected frames uint8 [T, H, W, 3], got {frames.dtype} {list(frames.shape)}")
    path = os.path.join(folder, "video.npy")
    numpy.save(path, frames)
    return path


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
