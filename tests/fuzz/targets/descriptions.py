"""What people write: TOML, options; and a pipeline's own index."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.fuzz.mutate import mutate_json
from tests.fuzz.target import target, texts, written


def _shipped(folder: str, pattern: str = "*.toml") -> Callable[[Path], Sequence[bytes]]:
    root = Path(__file__).resolve().parents[3]
    return lambda room: [path.read_bytes() for path in sorted((root / folder).glob(pattern))]


@target(_shipped("i2vbench/profiles"))
def profile_toml(room: Path, data: bytes) -> None:
    from i2vbench.profiles import load_profile

    load_profile(str(written(room, "profile.toml", data)))


@target(_shipped("i2vbench/curation", "plan.toml"))
def plan_toml(room: Path, data: bytes) -> None:
    from i2vbench.curation.plan import load_plan

    load_plan(written(room, "plan.toml", data))


def _external(room: Path) -> Sequence[bytes]:
    """A whole description, and the shipped ones, whose repositories are nowhere here."""
    (starting,) = _shipped("models/external/starting", "own.toml")(room)
    own = starting.decode().format(title="a model", name="model", python=json.dumps(sys.executable))
    written(room, "model_driver.py", b"")
    return [own.encode(), *_shipped("models/external/shipped")(room)]


@target(_external)
def external_toml(room: Path, data: bytes) -> None:
    from i2vbench.models.external.reading import Places, read

    Places(read(written(room, "model.toml", data)))


@target(_shipped("models/http", "**/*.toml"))
def http_toml(room: Path, data: bytes) -> None:
    from i2vbench.models.http.description import load_description

    load_description(written(room, "api.toml", data))


@target(_shipped("models/consisti2v", "**/*.toml"))
def training_toml(room: Path, data: bytes) -> None:
    from i2vbench.models.consisti2v.training.config import load_config

    load_config(written(room, "train.toml", data))


@target(
    texts(
        json.dumps(
            {
                "_class_name": "StableVideoDiffusionPipeline",
                "_diffusers_version": "0.30.0",
                "unet": ["diffusers", "UNetSpatioTemporalConditionModel"],
                "vae": ["diffusers", "AutoencoderKL"],
                "image_encoder": [None, None],
            }
        )
    ),
    mutate_json,
)
def pipeline_json(room: Path, data: bytes) -> None:
    from i2vbench.weights.pipelines import files_in, read_configs, read_index

    written(room, "unet/config.json", b"{}")
    written(room, "unet/diffusion_pytorch_model.safetensors", b"")
    written(room, "model_index.json", data)
    index = read_index(room)
    read_configs(room, index)
    files_in(room, index)


@target(texts("name = 1", "[a, 'b']", "x.y=2"))
def set_option(room: Path, data: bytes) -> None:
    from i2vbench.cli.generate import parse_options

    parse_options([f"x={data.decode('utf-8', 'surrogateescape')}"])
