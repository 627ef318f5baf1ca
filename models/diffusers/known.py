"""Pipelines that are known by name, with the settings of their authors: the entries of `known.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from i2vbench.parsing import parse_toml

KNOWN_FILE = Path(__file__).with_name("known.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An entry: one published checkpoint.

    Attributes:
        name: OWNER/REPO on the hub.
        title: One line.
        cls: The class that makes videos of pictures with it.
        height: Native, in pixels.
        width: Native, in pixels.
        num_frames: Native, as returned.
        fps: Native frames per second.
        size_multiple: What height and width are multiples of.
        sizes: (height, width) of all that it makes, where these are a few; empty leaves it to `size_multiple`.
        frames_step: Lengths are 1 + k times this; None is any.
        call: Its authors' settings, by the parameters of the call.
        dtype: What it was made to run in.
        float32: Parts that its authors keep in float32.
        flow_shift: Of its scheduler, where its authors state another than its files.
        licence: As stated.
        paper: Address.
        source: Where the settings were read.
        unverified: Fields that were not found there.
        match: What the configurations of a copy have, "PART.FIELD" or "FIELD" of model_index.json ("" is nothing), so
            that it is told from others of its class.
        revision: Of its repository; "" is the newest.
        prompt: What the prompt becomes, with {prompt} for itself.
        base: The repository of the parts that its own lacks; "" where it is whole.
        parts: Of a pipeline with a base, its own parts: (repository, folder in it, "library.Class").
        needs_gpu: Whether a clip on a CPU is hopeless.
        note: What else to know.
    """

    name: str
    title: str
    cls: str
    height: int
    width: int
    num_frames: int
    fps: float
    size_multiple: int
    sizes: tuple[tuple[int, int], ...] = ()
    frames_step: int | None = None
    call: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "bfloat16"
    float32: tuple[str, ...] = ()
    flow_shift: float | None = None
    licence: str = ""
    paper: str = ""
    source: str = ""
    unverified: tuple[str, ...] = ()
    match: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""
    prompt: str = ""
    base: str = ""
    parts: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    needs_gpu: bool = True
    note: str = ""


@cache
def known() -> Mapping[str, Known]:
    """Every entry by its name on the hub, in the file's order."""
    tables = parse_toml(KNOWN_FILE.read_text(encoding="utf-8"))
    return {name: _entry(name, table) for name, table in tables.items()}


def _entry(name: str, table: Mapping[str, Any]) -> Known:
    facts = dict(table)
    facts["cls"] = facts.pop("class")
    for key in ("float32", "unverified"):
        facts[key] = tuple(facts.get(key, ()))
    facts["sizes"] = tuple((height, width) for height, width in facts.get("sizes", ()))
    facts["parts"] = {part: tuple(place) for part, place in facts.get("parts", {}).items()}
    return Known(name=name, **facts)


def listing() -> Mapping[str, str]:
    """Every entry's name with its one line."""
    return {
        name: f"{e.title}: {e.num_frames} frames of {e.height}x{e.width} at {e.fps:g} fps"
        for name, e in known().items()
    }


def told_by_configs(cls: str, config: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> Known | None:
    """What is known of a copy by its configurations; a folder's name tells nothing.

    Where they fit several entries (Wan 2.1 for 480 and for 720 lines have the same), that in which these agree.

    Args:
        cls: The class that makes the videos.
        config: The plain settings of `model_index.json`.
        configs: Configurations by part.
    """
    fitting = [e for e in known().values() if e.cls == cls and e.match and _fits(e, config, configs)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    alike: dict[str, Any] = {}
    for each in fields(Known):
        values = [getattr(entry, each.name) for entry in fitting]
        empty = {"height": 0, "width": 0, "num_frames": 0, "fps": 0.0, "dtype": ""}.get(each.name, each.default)
        alike[each.name] = values[0] if all(value == values[0] for value in values) else empty
    calls = [entry.call.items() for entry in fitting]
    return replace(
        fitting[0],
        **alike
        | {
            "name": fitting[0].name,
            "title": " or ".join(entry.title for entry in fitting),
            "call": dict(pair for pair in calls[0] if all(pair in call for call in calls)),
        },
    )


def _fits(entry: Known, config: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> bool:
    for key, value in entry.match.items():
        part, dot, name = key.partition(".")
        found = configs.get(part, {}).get(name) if dot else config.get(part)
        if ("" if found is None else found) != value:
            return False
    return True
