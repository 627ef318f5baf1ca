"""`manifest.json`: what an archive says it holds, of what and by whom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from i2vbench.leaderboards.submission.archive import Archive, Refused
from i2vbench.leaderboards.submission.lines import is_sha256, is_text, is_whole
from i2vbench.leaderboards.submission.names import MANIFEST, RUN, kind_of, what_begins
from i2vbench.leaderboards.submission.strict_json import loads

FORMAT = 1
KIND = "i2vbench submission"

_MOST_OWN_BYTES, _MOST_BYTES_A_MEMBER = 4 << 20, 1 << 10
"""In memory JSON takes up to thirty times its own size."""

_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What it says.

    Attributes:
        i2vbench: The version that packed it.
        contact: Whom to ask, as the submitter has it.
        dataset: Name, number of samples and fingerprint.
        seeds: The run's.
        models: By name of the column: title; the name of its adapter's file and the member it lies in, or "" each;
            package and version where it comes from one.
        metrics: Ids of those whose cells can be made again by anyone.
        others: Ids of those of which only the submitter has the code.
        reasons: Why it may not go on a leaderboard; none if it may.
        videos: `count` and `bytes` of all, and whether they are `packed`.
        shortened: What of run.json had a path of which the last part is left, as ./NAME.
        members: By name, `bytes` and `sha256` of all but the manifest.
    """

    i2vbench: str
    contact: str
    dataset: Mapping[str, Any]
    seeds: list[int]
    models: Mapping[str, Mapping[str, str]]
    metrics: list[str]
    others: list[str]
    reasons: list[str]
    videos: Mapping[str, Any]
    shortened: list[str]
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        """As it stands in the archive."""
        data = {"kind": KIND, "format": FORMAT, **asdict(self)}
        return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def check_contents(archive: Archive) -> None:
    """Hold every member to what its name says it is.

    Raises:
        Refused: Listing those that are something else.
    """
    faults = []
    for name in archive.entries:
        kind = kind_of(name)
        head = next(archive.stream(name), b"")[:64]
        begins = kind is not None and head[kind.at :].startswith(kind.begins)
        if kind is not None and (not begins or what_begins(head)):
            faults.append(f"{name} is {what_begins(head) or 'something else'}, not {kind.what}")
    _refuse(faults)


def _refuse(faults: Sequence[str]) -> None:
    """Refuse an archive for these, if there are any, in a message that can be read."""
    if faults:
        more = f"; and {len(faults) - _MOST_TOLD:,} more" if len(faults) > _MOST_TOLD else ""
        raise Refused("; ".join(faults[:_MOST_TOLD]) + more)


def read_manifest(archive: Archive) -> Manifest:
    """The manifest of an archive, once every member is seen to be what it says.

    Raises:
        Refused: It is none of ours, of another version, or members are missing, too many, or others.
    """
    hashes = archive.hash_members()
    check_contents(archive)
    if MANIFEST not in hashes:
        raise Refused(f"it holds no {MANIFEST}: it is no archive that `i2vbench submit` has made")
    most = _MOST_OWN_BYTES + _MOST_BYTES_A_MEMBER * len(hashes)
    if (size := archive.entries[MANIFEST].size) > most:
        raise Refused(f"{MANIFEST} has {size:,} bytes; of {len(hashes):,} members it takes at most {most:,}")
    data = loads(archive.read(MANIFEST), MANIFEST)
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise Refused(f"{MANIFEST} is not that of a submission")
    if data.get("format") != FORMAT:
        raise Refused(f"{MANIFEST}: layout {str(data.get('format'))[:20]}; this version reads layout {FORMAT}")
    fields = list(Manifest.__dataclass_fields__)
    if list(data) != ["kind", "format", *fields] or not _well(data):
        raise Refused(f"{MANIFEST}: a part is missing, unknown or of another kind")
    manifest = Manifest(**{name: data[name] for name in fields})
    _hold_members(archive, manifest, hashes)
    return manifest


def _well(data: Mapping[str, Any]) -> bool:
    """Whether every part is of its kind."""
    texts = all(is_text(data[name]) for name in ("i2vbench", "contact"))
    lists = all(
        isinstance(data[name], list) and all(map(is_text, data[name]))
        for name in ("metrics", "others", "reasons", "shortened")
    )
    return texts and lists and _well_inside(data)


def _well_inside(data: Mapping[str, Any]) -> bool:
    dataset, models, videos, members = (data[name] for name in ("dataset", "models", "videos", "members"))
    if not all(isinstance(part, dict) for part in (dataset, models, videos, members)):
        return False
    return (
        isinstance(data["seeds"], list)
        and all(map(is_whole, data["seeds"]))
        and list(dataset) == ["name", "samples", "fingerprint"]
        and all(
            isinstance(m, dict) and all(map(is_text, m.values())) and list(m) == MODEL_FIELDS for m in models.values()
        )
        and list(videos) == ["packed", "count", "bytes"]
        and isinstance(videos["packed"], bool)
        and is_whole(videos["count"])
        and is_whole(videos["bytes"])
        and all(
            isinstance(m, dict) and list(m) == ["bytes", "sha256"] and is_whole(m["bytes"]) and is_sha256(m["sha256"])
            for m in members.values()
        )
    )


MODEL_FIELDS = ["title", "file", "member", "package"]


def _hold_members(archive: Archive, manifest: Manifest, hashes: Mapping[str, str]) -> None:
    stated, found = dict(manifest.members), {name: sha for name, sha in hashes.items() if name != MANIFEST}
    faults = [f"{name} is not in the archive" for name in stated if name not in found]
    faults += [f"{name} is not in the manifest" for name in found if name not in stated]
    for name in found.keys() & stated.keys():
        if stated[name] != {"bytes": archive.entries[name].size, "sha256": found[name]}:
            faults.append(f"{name} is not what the manifest says (size, SHA-256): damaged, or changed since")
    if RUN not in found:
        faults.append(f"{RUN} is not in the archive")
    _refuse(sorted(set(faults)))
