"""What stands under the tables of a run as a whole: what its numbers were made with, and where runs differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from i2vbench.first_frames import record as first_frames
from i2vbench.registry import METRICS
from i2vbench.tables.runs import Column, Run


def run_notes(columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    """What the numbers were made with, and where the columns differ in it."""
    found = _data_set_warnings(columns, runs) + _first_frame_warnings(columns, runs)
    for tell in (_data_line, _first_frames_line, _profile_line, _engine_line):
        groups = _group(columns, runs, tell)
        found += [
            text if len(groups) == 1 else f"{', '.join(labels)}: {text}" for text, labels in groups.items() if text
        ]
    found += _differences(columns, runs)
    found += _same_model(columns, runs)
    return found


def metric_differences(id_: str, columns: Sequence[Column], runs: Sequence[Run], used: str | None) -> list[str]:
    """Whether a metric is the same in all runs, and the same as it was then."""
    groups = metric_groups(id_, columns, runs)
    found = []
    if len(groups) > 1:
        listing = "; ".join(f"{', '.join(labels)}: {text}" for text, labels in groups.items())
        found.append(f"THE METRIC DIFFERS between the runs, so these columns are not comparable ({listing}).")
    first = next(run.settings["metrics"][id_] for run in runs if id_ in run.settings["metrics"])
    if used is not None and METRICS.origin(used) != _origin(first):
        found.append("The metric's code has changed since the run: clips were measured by another version of it.")
    return found


def metric_groups(id_: str, columns: Sequence[Column], runs: Sequence[Run]) -> dict[str, list[str]]:
    """The columns that have a metric, by what it was measured with: its facts, its code, its checkpoints' contents."""
    groups: dict[str, list[str]] = {}
    for column in columns:
        metrics = runs[column.run].settings["metrics"]
        record = metrics.get(id_)
        if record is None or "skipped" in record:
            continue
        source = metrics.get(record["info"].get("features_of"), record)
        key = _short_hash([record["info"], _origin(record), source.get("checkpoints")])
        groups.setdefault(key, []).append(column.label)
    return groups


def checkpoints_line(id_: str, run: Run) -> str:
    """Which files a run's metric looked through; "" without any."""
    hashes = run.settings["metrics"].get(id_, {}).get("checkpoints", {})
    return ", ".join(f"{name} {sha256[:8]}" for name, sha256 in hashes.items())


def not_comparable(columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    """In what columns differ that makes a difference of their numbers one of something else than the models."""
    kinds: list[tuple[str, Callable[[Run], Any], Callable[[Run], str]]] = [
        (
            "data sets",
            lambda run: run.settings["dataset"]["fingerprint"],
            lambda r: _data_set_name(r.settings["dataset"]),
        ),
        ("first frames", lambda run: first_frames.identity(run.settings), _first_frames_name),
        ("profiles", lambda run: run.settings["profile"], _profile_name),
    ]
    found = []
    for what, decides, name in kinds:
        if len({canonical(decides(run)) for run in runs}) > 1:
            listing = [f"{', '.join(labels)}: {text}" for text, labels in _group(columns, runs, name).items()]
            found.append(f"different {what} ({'; '.join(listing)})")
    return found


def _profile_name(run: Run) -> str:
    return f"{run.settings['profile']['name']} (fingerprint {_short_hash(run.settings['profile'])})"


def _origin(record: Mapping[str, Any]) -> dict[str, Any]:
    """Which code a run used for a model or metric that is not built in."""
    return {key: record[key] for key in ("source_sha256", "package", "argument") if key in record}


def _data_line(run: Run) -> str:
    selection, seeds = run.settings["selection"], run.settings["seeds"]
    chosen = []
    if selection.get("limit") is not None:
        chosen.append(f"limit {selection['limit']}")
    if selection.get("categories"):
        chosen.append(f"categories {', '.join(selection['categories'])}")
    only = f" ({'; '.join(chosen)})" if chosen else ""
    return (
        f"Data set {run.settings['dataset']['name']}, {_samples_text(run)}{only}; "
        f"seed{'s' if len(seeds) != 1 else ''} {', '.join(map(str, seeds))}."
        + (f" {note}." if (note := run.settings["dataset"].get("note")) else "")
    )


def _samples_text(run: Run) -> str:
    count, stated = len(run.samples), run.settings["dataset"]["samples"]
    of = "" if count == stated else f" of {stated}"
    return f"{count}{of} sample{'s' if stated != 1 else ''}"


def _first_frames_line(run: Run) -> str:
    """What models were shown, if it is not the data set's own: another protocol than the paper's image-to-video."""
    return f"First frames: {first_frames.title_of(run.settings)}." if first_frames.KEY in run.settings else ""


def _profile_line(run: Run) -> str:
    profile = run.profile
    protocol = profile.protocol
    under = f", protocol {protocol.name}" if protocol.name else ""
    note = f" {protocol.note}" if protocol.note else ""
    warning = f" {profile.note}" if profile.note else ""
    return f"Profile {profile.name} ({profile.title}){under}: {protocol.describe()}.{note}{warning}"


def _engine_line(run: Run) -> str:
    s = run.settings
    return f"Made with i2vbench {s['i2vbench']}, reader {_reader(s['reader'])}, {s['dtype']} on {s['device']}."


def _reader(reader: Mapping[str, Any]) -> str:
    name, version = str(reader["name"]), str(reader["version"])
    return version if version.startswith(name) else f"{name} {version}"


def _group(columns: Sequence[Column], runs: Sequence[Run], tell: Callable[[Run], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for column in columns:
        groups.setdefault(tell(runs[column.run]), []).append(column.label)
    return groups


def _data_set_warnings(columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    data = [run.settings["dataset"] for run in runs]
    if len({(d["name"], d["fingerprint"]) for d in data}) == 1:
        return []
    groups = _group(columns, runs, lambda run: _data_set_name(run.settings["dataset"]))
    listing = "; ".join(f"{', '.join(labels)}: {text}" for text, labels in groups.items())
    return [
        "DIFFERENT DATA SETS: these columns were not measured on the same samples and must not be compared "
        f"({listing}). The rows are the categories of all of them, and nothing is marked as best."
    ]


def _first_frame_warnings(columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    if len({canonical(first_frames.identity(run.settings)) for run in runs}) == 1:
        return []
    groups = _group(columns, runs, _first_frames_name)
    listing = "; ".join(f"{', '.join(labels)}: {text}" for text, labels in groups.items())
    return [
        "DIFFERENT FIRST FRAMES: the models of these columns were not shown the same pictures and must not be compared "
        f"({listing}). Nothing is marked as best."
    ]


def _first_frames_name(run: Run) -> str:
    identity, title = first_frames.identity(run.settings), first_frames.title_of(run.settings)
    return title if identity is None else f"{title} (fingerprint {_short_hash(identity)})"


def _data_set_name(data: Mapping[str, Any]) -> str:
    return f"{data['name']} (fingerprint {str(data['fingerprint'])[:8]})"


def _facts(run: Run) -> dict[str, tuple[str, str]]:
    """What decides a run's numbers: by name, the value to be compared and the value to be shown."""
    s = run.settings
    selection = s["selection"]
    shown: dict[str, tuple[Any, str]] = {
        "data set": ([s["dataset"]["name"], s["dataset"]["fingerprint"]], _data_set_name(s["dataset"])),
        "first frames": (first_frames.identity(s), _first_frames_name(run)),
        "selection": (
            [selection.get("limit"), selection.get("categories")],
            f"limit {selection.get('limit') or 'none'}, categories {', '.join(selection.get('categories') or ['all'])}",
        ),
        "seeds": (s["seeds"], ", ".join(map(str, s["seeds"]))),
        "profile": (s["profile"], str(s["profile"]["name"])),
        "reader": (s["reader"], _reader(s["reader"])),
        "device": (s["device"], str(s["device"])),
        "dtype": (s["dtype"], str(s["dtype"])),
        "i2vbench": (s["i2vbench"], str(s["i2vbench"])),
    }
    shown |= {f"version of {name}": (version, str(version)) for name, version in s["versions"].items()}
    return {name: (canonical(value), text) for name, (value, text) in shown.items()}


def _differences(columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    """One sentence per fact in which the columns differ; the value of most columns comes last, as "others"."""
    facts = [_facts(run) for run in runs]
    found = []
    for name in dict.fromkeys(name for fact in facts for name in fact):
        groups: dict[tuple[str, str], list[str]] = {}
        for column in columns:
            groups.setdefault(facts[column.run].get(name, ("", "none")), []).append(column.label)
        if len(groups) < 2:
            continue
        texts = [text for _, text in groups]
        most = max(groups, key=lambda key: len(groups[key]))
        parts = []
        for key in sorted(groups, key=lambda key: key == most):
            # Values that read alike but are not get a hash, so that no sentence says "paper; others: paper".
            text = key[1] if texts.count(key[1]) == 1 else f"{key[1]} [{_short_hash(key[0])}]"
            parts.append(f"others: {text}" if key == most else f"columns {', '.join(groups[key])}: {name} {text}")
        found.append("; ".join(parts) + ".")
    return found


def _same_model(columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    """For a model in several runs, how its columns differ."""
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.model, []).append(column)
    found = []
    for model, some in groups.items():
        if len(some) < 2:
            continue
        facts = [_facts(runs[c.run]) | _model_facts(runs[c.run], model) for c in some]
        parts = []
        for name in dict.fromkeys(name for fact in facts for name in fact):
            values = [fact.get(name, ("", "none")) for fact in facts]
            if len(set(values)) > 1:
                parts.append(f"{name} ({'; '.join(text for _, text in values)})")
        labels = ", ".join(c.label for c in some)
        how = f"differ in {', '.join(parts)}" if parts else "are of runs made under the same settings"
        found.append(f"{labels}: {how}.")
    return found


def _model_facts(run: Run, model: str) -> dict[str, tuple[str, str]]:
    """The model's own; what it was called with may be a path, so only a hash of it is shown."""
    made = run.settings["models"][model]
    facts = {
        # A file is compared by what is in it, wherever it lies.
        "source of the model": _origin(made),
        "videos of the model": made.get("fingerprint"),
        "declared facts of the model": made["info"],
    }
    return {name: (canonical(value), _short_hash(value)) for name, value in facts.items()}


def canonical(value: Any) -> str:
    """JSON to tell by whether two of what decides numbers are the same."""
    return json.dumps(value, sort_keys=True, default=str)


def _short_hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:8]


def headline(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """The facts at the top of the page; a fact with several values says so by having them all."""
    facts: dict[str, list[str]] = {}
    others = any(first_frames.KEY in run.settings for run in runs)
    for run in runs:
        profile = run.profile
        seeds = run.settings["seeds"]
        for name, text in (
            ("Data set", f"{run.settings['dataset']['name']}, {_samples_text(run)}"),
            *([("First frames", first_frames.title_of(run.settings))] if others else []),
            ("Profile", f"{profile.name} ({profile.title})"),
            ("Protocol", profile.protocol.describe()),
            ("Seed" if len(seeds) == 1 else "Seeds", ", ".join(map(str, seeds))),
        ):
            values = facts.setdefault(name, [])
            if text not in values:
                values.append(text)
    return list(facts.items())
