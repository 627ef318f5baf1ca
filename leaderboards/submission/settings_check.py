"""`run.json` of a stranger: of the layout, within bounds, and with metrics that are ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.leaderboards.submission.archive import Archive, Refused
from i2vbench.leaderboards.submission.lines import is_sha256, is_text, is_whole
from i2vbench.leaderboards.submission.names import RUN
from i2vbench.leaderboards.submission.strict_json import loads
from i2vbench.metrics.base import Metric
from i2vbench.names import DEVICE, DTYPES, READERS
from i2vbench.profiles import Profile, parse_profile
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings
from i2vbench.settings import info_as_dict
from i2vbench.store import folder_name

MOST_COLUMNS, MOST_SEEDS, MOST_BATCH = 100, 100, 100_000
MOST_FRAMES, MOST_SIDE_PX, MOST_VALUES = 1024, 4096, 1 << 31
"""Of a protocol; the last is of one clip's numbers, frames x height x width x 3."""

_WORDS_ONLY = ("source", "hides")
"""What is said of a metric beside the facts that make its numbers and tables."""

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def read_run(archive: Archive, folder: Path) -> dict[str, Any]:
    """`run.json` of an archive; a copy of it is written to `folder`.

    Raises:
        Refused: It is not what a run writes, or out of all bounds.
    """
    data = loads(archive.read(RUN), RUN)
    write_bytes(folder / RUN, archive.read(RUN))
    try:
        settings = read_settings(folder)
    except UserError as error:
        raise Refused(str(error).replace(f"{folder}/", "")) from error
    wrong = [name for name, fits in _parts(data).items() if not fits]
    if wrong:
        raise Refused(f"{RUN}: {', '.join(wrong)} of another kind than a run writes, or out of all bounds")
    return settings


def _parts(data: Mapping[str, Any]) -> dict[str, bool]:
    """Whether each part that is used is one that a run can have."""
    selection, dataset, reader, seeds = (data[name] for name in ("selection", "dataset", "reader", "seeds"))
    categories = selection.get("categories")
    return {
        "i2vbench": is_text(data.get("i2vbench"), 200),
        "dataset": is_text(dataset["name"], 200)
        and is_whole(dataset.get("samples"))
        and is_text(dataset.get("note", "")),
        "dataset.fingerprint": is_sha256(dataset["fingerprint"]),
        "selection.limit": selection.get("limit") is None or is_whole(selection["limit"]),
        "selection.categories": categories is None or (isinstance(categories, list) and all(map(is_text, categories))),
        "seeds": 1 <= len(seeds) <= MOST_SEEDS
        and all(_is_seed(seed) for seed in seeds)
        and sorted(set(seeds)) == seeds,
        "profile": _is_possible(parse_profile(data["profile"])),
        "device": DEVICE.fullmatch(data["device"]) is not None and data["device"] != "auto",
        "dtype": data["dtype"] in DTYPES,
        "reader": reader["name"] in READERS,
        "versions": all(is_text(name, 200) and is_text(text, 200) for name, text in data["versions"].items()),
        "batch_size": _is_batch(data["batch_size"]) and _is_batch(data["measure_batch"]),
        "models": _are_models(data["models"]),
        "metrics": len(data["metrics"]) <= MOST_COLUMNS and all(_NAME.fullmatch(id_) for id_ in data["metrics"]),
    }


def _is_seed(value: object) -> bool:
    return is_whole(value) and isinstance(value, int) and value < 1 << 31


def _is_batch(value: object) -> bool:
    return isinstance(value, int) and is_whole(value) and 1 <= value <= MOST_BATCH


def _is_possible(profile: Profile) -> bool:
    """Whether clips of its protocol fit into memory, and checkpoints have names."""
    names = [name for some in profile.checkpoints.values() for name in some]
    protocol = profile.protocol
    values = protocol.num_frames * protocol.height * protocol.width * 3
    sides = max(protocol.height, protocol.width)
    fits = protocol.num_frames <= MOST_FRAMES and sides <= MOST_SIDE_PX and values <= MOST_VALUES
    return fits and protocol.fps < 1e6 and all(is_text(name, 200) for name in names)


def _are_models(models: Mapping[str, Any]) -> bool:
    folders = {folder_name(name).casefold() for name in models}
    return 1 <= len(folders) == len(models) <= MOST_COLUMNS and all(
        _NAME.fullmatch(name)
        and _is_batch(made.get("batch_size"))
        and is_text(made["info"].get("title", ""))
        and ("source_sha256" not in made or is_sha256(made["source_sha256"]))
        for name, made in models.items()
    )


@cache
def own_metrics() -> Mapping[str, str]:
    """The built-in metrics and their variants: what names each, by id. The code of others is never run here."""
    specs = [
        name for entry, facts in METRICS.builtin.items() for name in (entry, *(f"{entry}:{w}" for w in facts.words))
    ]
    return {METRICS.create(spec).info.id: spec for spec in specs}


def own_metric(id_: str, profile: Profile) -> Metric:
    """A built-in metric under a profile.

    Raises:
        UserError: The profile gives it checkpoints that it cannot look through.
    """
    metric = METRICS.create(own_metrics()[id_])
    metric.prepare(profile)
    return metric


def split_metrics(settings: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Ids of a run's metrics: those that are built in, and those whose code its maker alone has."""
    ours = [id_ for id_, record in settings["metrics"].items() if own_metrics().get(id_) == record["spec"]]
    return ours, [id_ for id_ in settings["metrics"] if id_ not in ours]


def faults_of_metrics(settings: Mapping[str, Any]) -> list[str]:
    """What run.json says of built-in metrics that is not so."""
    found, profile = [], parse_profile(settings["profile"])
    for id_ in split_metrics(settings)[0]:
        record = settings["metrics"][id_]
        try:
            metric = own_metric(id_, profile)
        except UserError as error:
            found.append(f"{RUN}: {id_}: {error}")
            continue
        facts, said = info_as_dict(metric.info), record["info"]
        other = [name for name in facts if name not in _WORDS_ONLY and said.get(name) != facts[name]]
        if other:
            found.append(f"{RUN} says other facts of {id_} than i2vbench does: {', '.join(other)}")
        used = tuple(record.get("checkpoints", {}))
        if "skipped" not in record and used != metric.info.checkpoints:
            looked, named = ", ".join(used) or "nothing", ", ".join(metric.info.checkpoints) or "nothing"
            found.append(f"{RUN}: {id_} looked through {looked}, where its profile names {named}")
    return found
