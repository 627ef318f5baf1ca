"""`run.json`: what a run's folder says of itself. Imports nothing heavy, so that a wrong folder is refused at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.parsing import parse_json
from i2vbench.profiles import parse_profile

FORMAT = 1
"""Version of a run's layout; a run of another one is refused."""

MOST_BYTES = 64 << 20
"""Of run.json."""

_TEXT, _WHOLE, _TABLE, _LIST, _NOTHING = str, int, dict, list, type(None)

_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("dataset", "selection", "profile", "reader", "models", "metrics", "versions"), (_TABLE,)),
    **dict.fromkeys(("i2vbench", "device", "dtype", "dataset.name", "dataset.fingerprint"), (_TEXT,)),
    **dict.fromkeys(("reader.name", "reader.version"), (_TEXT,)),
    **dict.fromkeys(("batch_size", "measure_batch", "dataset.samples"), (_WHOLE,)),
    "seeds": (_LIST,),
}
"""Of what every run has, by where it stands."""

_KINDS_WHERE_THERE: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("dataset.spec", "dataset.note", "first_frames.spec", "first_frames.title"), (_TEXT,)),
    "first_frames": (_TABLE,),
    "selection.limit": (_WHOLE, _NOTHING),
    "selection.categories": (_LIST, _NOTHING),
}
_KINDS_OF_MODEL: Mapping[str, tuple[type, ...]] = {"spec": (_TEXT,), "info": (_TABLE,)}
_KINDS_OF_MODEL_WHERE_THERE: Mapping[str, tuple[type, ...]] = {"info.title": (_TEXT,)}
_KINDS_OF_METRIC_WHERE_THERE: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("skipped", "info.features_of", "info.title"), (_TEXT,)),
    **dict.fromkeys(("info.reads", "info.checkpoints"), (_LIST,)),
    "checkpoints": (_TABLE,),
}


def read_settings(folder: Path) -> dict[str, Any]:
    """What `run.json` says.

    Raises:
        UserError: If there is none, it is damaged, or of another version's layout.
    """
    path = folder / "run.json"
    try:
        if path.exists() and not (path.is_file() and path.stat().st_size <= MOST_BYTES):
            raise UserError(f"{path} cannot be read: it is no file of at most {MOST_BYTES:,} bytes")
        settings: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} is not a run: it has no run.json") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} cannot be read ({error}); it is damaged, or not a run's") from error
    if not isinstance(settings, dict) or "format" not in settings:
        raise UserError(f"{path} is not a run's: it states no layout")
    if settings["format"] != FORMAT:
        raise UserError(f"{path}: layout {settings['format']!r}; this version reads layout {FORMAT}")
    if wrong := _wrong(settings):
        raise UserError(f"{path} is damaged: {wrong} is missing or of another kind")
    try:
        parse_profile(settings["profile"])
        json.dumps(settings, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{path} is damaged: it holds half of a character") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error!r}") from error
    return settings


def _wrong(settings: Mapping[str, Any]) -> str:
    """Where something stands that no run writes there, or nothing where each writes something; "" if all is well."""
    if place := _wrong_kind(settings, _KINDS, _KINDS_WHERE_THERE):
        return place
    if empty := next((name for name in ("seeds", "metrics") if not settings[name]), ""):
        return empty
    if not all(type(seed) is int for seed in settings["seeds"]):
        return "seeds"
    if "first_frames" in settings and not {"spec", "title"} <= settings["first_frames"].keys():
        return "first_frames"
    if not all(isinstance(name, str) for name in settings["selection"].get("categories") or ()):
        return "selection.categories"
    for model, made in settings["models"].items():
        if place := _wrong_kind(made, _KINDS_OF_MODEL, _KINDS_OF_MODEL_WHERE_THERE):
            return f"{place} of the model {model}"
    for metric, made in settings["metrics"].items():
        place = _wrong_kind(made, _KINDS_OF_MODEL, _KINDS_OF_METRIC_WHERE_THERE)
        if place or not all(isinstance(sha256, str) for sha256 in made.get("checkpoints", {}).values()):
            return f"{place or 'checkpoints'} of the metric {metric}"
    return ""


def _wrong_kind(table: Any, needed: Mapping[str, tuple[type, ...]], where_there: Mapping[str, tuple[type, ...]]) -> str:
    """The first place whose value is of another kind; "" if there is none."""
    for place, kinds in {**needed, **where_there}.items():
        here, there = table, True
        for name in place.split("."):
            there = isinstance(here, dict) and name in here
            if not there:
                break
            here = here[name]
        if (place in needed) > there or (there and type(here) not in kinds):
            return place
    return ""
