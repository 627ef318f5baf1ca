"""What a model was made and measured with, as a page tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from i2vbench.leaderboards.submission.manifest import Manifest
from i2vbench.leaderboards.submission.restore import Restored
from i2vbench.profiles import parse_profile
from i2vbench.texts import one_line

_MOST = 500
_MOST_SETTINGS = 60

_PACKAGES = ("torch", "diffusers", "transformers", "av")
"""Of whose versions the numbers hang most."""


def facts_of(restored: Restored, manifest: Manifest, model: str) -> dict[str, str]:
    """By what each is, in the order in which pages list them; a line each."""
    facts = {name: one_line(text)[:_MOST] for name, text in _facts(restored.settings, manifest, model) if text}
    settings = restored.settings["models"][model].get("settings")
    if isinstance(settings, Mapping):
        for name, value in list(settings.items())[:_MOST_SETTINGS]:
            facts[f"Setting {one_line(str(name))[:100]}"] = one_line(_as_text(value))[:_MOST]
    return facts


def _facts(settings: Mapping[str, Any], manifest: Manifest, model: str) -> Iterator[tuple[str, str]]:
    dataset, made, profile = settings["dataset"], settings["models"][model], parse_profile(settings["profile"])
    about, info, protocol = manifest.models.get(model, {}), made["info"], profile.protocol
    yield "Data set", f"{dataset['name']}, {dataset['samples']:,} samples, fingerprint {dataset['fingerprint'][:12]}"
    yield "Profile", profile.label
    yield (
        "Measured at",
        f"{protocol.num_frames} frames of {protocol.height} x {protocol.width} at {protocol.fps:g} fps "
        f"({protocol.interpolation}, {protocol.sampling})",
    )
    yield "Videos as the model makes them", _own_size(info)
    yield "Seeds", ", ".join(map(str, settings["seeds"]))
    yield "Adapter", about.get("package", "") or _adapter(about, made)
    yield "Device", f"{str(settings['device']).partition(':')[0]}, {settings['dtype']}"
    versions = settings["versions"]
    named = [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    yield "Software", ", ".join([f"i2vbench {settings['i2vbench']}", *named])


def _adapter(about: Mapping[str, str], made: Mapping[str, Any]) -> str:
    name = about.get("file", "")
    sha256 = str(made.get("source_sha256", ""))
    return f"{name or made['spec']}{f', SHA-256 {sha256[:12]}' if sha256 else ''}"


def _own_size(info: Mapping[str, Any]) -> str:
    parts = []
    if info.get("num_frames"):
        parts.append(f"{info['num_frames']} frames")
    if info.get("height") and info.get("width"):
        parts.append(f"{info['height']} x {info['width']}")
    if info.get("fps"):
        parts.append(f"{info['fps']} fps")
    return ", ".join(parts) or "as they were asked for"


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def all_notes(run_notes: Sequence[str], metric_notes: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """What tables say under their numbers, once each; those of a single metric with its title before them."""
    titles: dict[str, list[str]] = {}
    for title, notes in metric_notes:
        for note in dict.fromkeys(notes):
            titles.setdefault(note, []).append(title)
    own = [note if len(some) > 1 else f"{some[0]}: {note}" for note, some in titles.items()]
    return list(dict.fromkeys(map(one_line, [*run_notes, *own])))
