"""What `run.json` says of first frames that are not the data set's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from i2vbench.first_frames.base import FirstFrames

KEY = "first_frames"
"""In `run.json`; a run that was shown the data set's own first frames has none."""

OWN = "the data set's own"

_NAMES = ("spec", "title")
"""How they were named and are called; the rest decides the pictures."""

Settings = Mapping[str, Any]


def recorded(first_frames: FirstFrames, spec: str, origin: Mapping[str, str]) -> dict[str, Any]:
    """As `run.json` holds them: what named them, and whose code that is (`Registry.origin`)."""
    return {KEY: {"spec": spec, "title": first_frames.title, **origin, **first_frames.decides()}}


def spec_of(settings: Settings) -> str | None:
    """What named them; None where they are the data set's own."""
    return str(settings[KEY]["spec"]) if KEY in settings else None


def title_of(settings: Settings) -> str:
    """What the first frames of a run are, in words that go on after "First frames: "."""
    return str(settings[KEY]["title"]) if KEY in settings else OWN


def identity(settings: Settings) -> dict[str, Any] | None:
    """What decides the pictures of a run; equal for runs that were shown the same, None for the data set's own."""
    return {name: value for name, value in settings[KEY].items() if name not in _NAMES} if KEY in settings else None


def differences(before: Settings, now: Settings) -> list[str]:
    """Why a run that was shown other pictures cannot be gone on with, a line each; none if they are the same."""
    there, here = identity(before), identity(now)
    what, titles = "first frames (--first-frame)", (title_of(before), title_of(now))
    if there == here:
        return []
    if there is None or here is None or titles[0] != titles[1]:
        return [f"{what}: {titles[0]} there, {titles[1]} here"]
    differing = [name for name in dict.fromkeys([*there, *here]) if there.get(name) != here.get(name)]
    return [
        f"{what}: their files (a checkpoint, or pictures) have changed since"
        if name == "fingerprint"
        else f"{what}: {name} {there.get(name)!r} there, {here.get(name)!r} here"
        for name in differing
    ]
