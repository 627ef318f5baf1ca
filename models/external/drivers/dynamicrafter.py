"""DynamiCrafter, kept alive: its own run_inference() makes every video, and finds its network already loaded.

The published script seeds once for a whole list of pictures, so that a video depends on those before it. Here each
request is seeded by itself.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from serve import import_script  # type: ignore[import-not-found]  # beside this file

inference: Any = None
load_data_prompts: Any = None


def load(job: dict[str, Any]) -> None:
    global inference, load_data_prompts
    inference = import_script(os.path.join(job["repository"], "scripts", "evaluation", "inference.py"))
    load_data_prompts = inference.load_data_prompts
    build, fill = inference.instantiate_from_config, inference.load_model_checkpoint
    arguments = arguments_of(job["config"])
    built: list[Any] = []

    def build_once(config: Any) -> Any:
        if not built:
            built.append(fill(build(config), arguments.ckpt_path))
        return built[0]

    inference.instantiate_from_config = build_once
    inference.load_model_checkpoint = lambda model, path: model
    inference.load_data_prompts = lambda *_, **__: ([], [], [])
    with tempfile.TemporaryDirectory() as empty:
        arguments.prompt_dir = arguments.savedir = empty
        inference.run_inference(arguments, 1, 0)


def generate(request: dict[str, Any]) -> Any:
    made: list[Any] = []

    def load_with_prompt(*args: Any, **options: Any) -> Any:
        # The list of prompts is read by lines, stripped; empty ones are passed over.
        names, frames, _ = load_data_prompts(*args, **options)
        return names, frames, [request["prompt"]]

    inference.load_data_prompts = load_with_prompt
    # In place of H.264: the frames [T, H, W, 3] as they are.
    inference.torchvision.io.write_video = lambda path, frames, **_: made.append(frames)
    inference.seed_everything(request["seed"])
    arguments = arguments_of(request["config"])
    arguments.savedir = request["out_dir"]
    inference.run_inference(arguments, 1, 0)
    return made[0]


def arguments_of(config: dict[str, Any]) -> Any:
    """The script's own arguments and defaults, with the settings of [config]."""
    arguments = inference.get_parser().parse_args([])
    unknown = sorted(set(config) - set(vars(arguments)))
    if unknown:
        raise ValueError(f"config: inference.py has no argument {', '.join(unknown)}")
    vars(arguments).update(config)
    return arguments
