"""What tells a person about the set: contact sheets, and the datasheet filled from the plan and the rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from urllib.parse import urlsplit

from i2vbench import weights
from i2vbench.curation.datasheet import DatasheetFacts, StageFacts, write_datasheet
from i2vbench.curation.folder_clips import folder_clips
from i2vbench.curation.pipeline import Report, checkpoints_of
from i2vbench.curation.plan import Plan
from i2vbench.curation.sheets import write_sheets
from i2vbench.curation.stage import Item, Place
from i2vbench.datasets.counts import count_dataset
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import METADATA
from i2vbench.files import file_sha256
from i2vbench.machine import versions

_SECTIONS = {"shots": "cut"}
"""Sections of the plan that are not called as their stage."""

_HOW = frozenset({"jobs", "pause_seconds", "most_seconds", "cookies"})
"""Settings of how the work is done, which decide no clip."""

_PACKAGES = ("yt-dlp", "scenedetect-headless", "rapidocr", "ImageHash")


def write_record(plan: Plan, place: Place, report: Report) -> None:
    """Write contact/ and DATASHEET.md of a set whose metadata.csv is written.

    Raises:
        UserError: The folder cannot be written to.
    """
    write_sheets(place.folder, plan.title or plan.name, folder_clips(place.folder))
    write_datasheet(place.folder / "DATASHEET.md", datasheet_facts(plan, place, report))


def datasheet_facts(plan: Plan, place: Place, report: Report) -> DatasheetFacts:
    """What DATASHEET.md says, from the plan, the report of the stages, and the metadata.csv."""
    dataset = FolderDataset(str(place.folder))
    rows = dataset.contents().rows
    _, last = place.store.days()
    return DatasheetFacts(
        name=plan.name,
        title=plan.title,
        description=plan.description,
        contact=plan.contact,
        licence=plan.licence,
        created=last,
        counts=replace(count_dataset(dataset), name=plan.name, title=plan.title),
        stages=[StageFacts(s.name, _settings(plan, s.name), s.came, len(s.kept), s.kinds) for s in report.stages],
        licences=Counter(item.said.get("licence", "") for item in report.chosen),
        sources=Counter(_site(item) for item in report.chosen),
        queries=[*_flat(plan.sources.queries), *_flat(plan.sources.pages)],
        collected=" to ".join(dict.fromkeys(place.store.days(("search", "metadata", "download")))),
        missing=report.lost,
        captions_checked=sum(row.prompt_state != "proposed" for row in rows),
        captions_proposed=sum(row.prompt_state == "proposed" for row in rows),
        words_checked=sum(bool(row.sample.objects or row.sample.scene) for row in rows),
        words_proposed=sum(not (row.sample.objects or row.sample.scene) for row in rows) * plan.annotate.propose,
        sizes=Counter(f"{row.facts.width} x {row.facts.height}" for row in rows),
        versions=versions(place.device, _PACKAGES),
        checkpoints={name: weights.sha256_of(name) for name in checkpoints_of(plan, place)},
        plan_sha256=hashlib.sha256(plan.path.read_bytes()).hexdigest(),
        metadata_sha256=file_sha256(place.folder / METADATA),
    )


def _settings(plan: Plan, stage: str) -> dict[str, object]:
    """What the plan says of a stage that decides which clips it keeps; empty where there is nothing."""
    section = getattr(plan, _SECTIONS.get(stage, stage), None)
    if section is None:
        return {}
    found = {name: value for name, value in asdict(section).items() if name not in _HOW and value not in ((), {}, "")}
    if stage == "quota" and plan.quota.clips:
        found["clips"] = ", ".join(f"{category} {number}" for category, number in plan.quota.clips.items())
        del found["total"]
    return found


def _site(item: Item) -> str:
    """Where an item comes from, in short: the site's name, or that it is a file."""
    return "files of the curator" if item.path else urlsplit(item.source).hostname or item.source


def _flat(found: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"{category}: {words}" for category, some in found.items() for words in some]
