"""`run.json`: what a run's folder says of itself. Imports nothing heavy, so that a wrong folder is refused at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.profiles import parse_profile

FORMAT = 1
"""Version of a run's layout; a run of another one is refused."""

_PARTS: dict[type, tuple[str, ...]] = {
    dict: ("dataset", "selection", "profile", "reader", "models", "metrics", "versions"),
    list: ("seeds",),
    str: ("device", "dtype"),
    int: ("batch_size", "measure_batch"),
}


def read_settings(folder: Path) -> dict[str, Any]:
    """What `run.json` says.

    Raises:
        UserError: If there is none, it is damaged, or of another version's layout.
    """
    path = folder / "run.json"
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} is not a run: it has no run.json") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); it is damaged, or not a run's") from error
    if not isinstance(settings, dict) or "format" not in settings:
        raise UserError(f"{path} is not a run's: it states no layout")
    if settings["format"] != FORMAT:
        raise UserError(f"{path}: layout {settings['format']!r}; this version reads layout {FORMAT}")
    wrong = [name for kind, names in _PARTS.items() for name in names if not isinstance(settings.get(name), kind)]
    if wrong:
        raise UserError(f"{path} is damaged: {', '.join(wrong)} missing or of another kind")
    try:
        parse_profile(settings["profile"])
        texts = [settings["dataset"][key] for key in ("name", "fingerprint")]
        texts += [settings["reader"][key] for key in ("name", "version")]
        texts += [made["spec"] for kind in ("models", "metrics") for made in settings[kind].values()]
        texts += [settings["dataset"].get("spec", "")]
        infos = [made["info"] for kind in ("models", "metrics") for made in settings[kind].values()]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error!r}") from error
    well = all(isinstance(text, str) for text in texts) and all(isinstance(info, dict) for info in infos)
    if not well or not all(isinstance(seed, int) for seed in settings["seeds"]):
        raise UserError(f"{path} is damaged: a text, a seed or the facts of a model or metric are of another kind")
    if part := _wrong_in_first_frames(settings):
        raise UserError(f"{path} is damaged: {part} is of another kind")
    for id_, record in settings["metrics"].items():
        if part := _wrong_in_metric(record):
            raise UserError(f"{path} is damaged: {part} of the metric {id_} is of another kind")
    return settings


def _wrong_in_first_frames(settings: dict[str, Any]) -> str:
    """The part of what is said of first frames that cannot be what a run has written; "" if each can."""
    record = settings.get("first_frames", {"spec": "", "title": ""})
    if not isinstance(record, dict):
        return "first_frames"
    return next((f"first_frames.{key}" for key in ("spec", "title") if not isinstance(record.get(key), str)), "")


def _wrong_in_metric(record: dict[str, Any]) -> str:
    """The part of a metric's record that cannot be what a run has written; "" if each can."""
    hashes, info = record.get("checkpoints", {}), record["info"]
    if not isinstance(hashes, dict) or not all(isinstance(sha256, str) for sha256 in hashes.values()):
        return "checkpoints"
    if not isinstance(record.get("skipped", ""), str):
        return "skipped"
    if not isinstance(info.get("reads", []), list):
        return "info.reads"
    return "" if isinstance(info.get("features_of", ""), str) else "info.features_of"
