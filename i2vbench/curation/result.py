"""What curation ends with: clips/, metadata.csv, MANIFEST.csv, contact sheets, DATASHEET.md."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.annotate.proposals import Proposal
from i2vbench.annotate.proposing import contents
from i2vbench.annotate.store import Store as ProposalStore
from i2vbench.curation.pipeline import Report
from i2vbench.curation.stage import Item, Place
from i2vbench.datasets.metadata import METADATA, read_folder
from i2vbench.datasets.writing import metadata_bytes, write_metadata
from i2vbench.files import write_bytes
from i2vbench.texts import one_line

MANIFEST = "MANIFEST.csv"
_OF_PEOPLE = ("prompt", "prompt_state", "objects", "scene")
"""Cells that a person may have written; they stay as long as the clip is the same."""


def write_clips(place: Place, report: Report) -> None:
    """Bring the folder to the chosen clips: their files, metadata.csv, MANIFEST.csv, proposals for `data annotate`.

    What a person wrote into metadata.csv stays. Files of clips that are not chosen any more go. If no clip is chosen,
    nothing is changed.

    Raises:
        UserError: The folder cannot be written to, or is being annotated.
    """
    chosen, before = report.chosen, _rows_before(place.folder)
    if not chosen:
        return
    clips = place.folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    for item in chosen:
        _link(place.clips / f"{item.id}.mp4", clips / f"{item.id}.mp4")
    rows = [_row(item, before.get(item.id, {})) for item in chosen]
    write_metadata(place.folder, rows)
    names = {f"{item.id}.mp4" for item in chosen}
    for id_ in before:
        if f"{id_}.mp4" not in names:
            (clips / f"{id_}.mp4").unlink(missing_ok=True)
    write_bytes(place.folder / MANIFEST, metadata_bytes([_manifest_row(row) for row in rows if _is_address(row)]))
    _keep_proposals(place.folder, chosen)


def _row(item: Item, before: Mapping[str, str]) -> dict[str, object]:
    cut = item.facts["cut"]
    row: dict[str, object] = {
        "file_name": f"clips/{item.id}.mp4",
        "id": item.id,
        "category": item.category,
        "prompt": proposed_prompt(item),
        "prompt_state": "proposed",
        **{name: cut[name] for name in ("fps", "sha256", "bytes", "width", "height", "frames")},
        "source": item.source,
        "source_start": round(item.start, 3),
        "source_end": None if item.end is None else round(item.end, 3),
        **item.said,
        "aesthetic": round(item.facts["aesthetic"]["score"], 3),
        "motion_px": round(item.facts["motion"]["median_px"], 3),
        "true_height": item.facts["picture"]["true_height"],
    }
    if before.get("sha256") == cut["sha256"] and before.get("prompt_state") != "proposed":
        row |= {name: before.get(name, "") for name in ("prompt", "prompt_state")}
    if before.get("sha256") == cut["sha256"]:
        row |= {name: before[name] for name in ("objects", "scene") if before.get(name)}
    return row


def proposed_prompt(item: Item) -> str:
    """The caption seen in most frames; else the title of its video; else its category."""
    proposal = proposal_of(item)
    caption = proposal.first_caption() if proposal else ""
    return one_line(caption or item.said.get("title", "")) or f"a video of the category {item.category}"


def proposal_of(item: Item) -> Proposal | None:
    """What the networks saw in a clip; None if they have not looked."""
    found = item.facts.get("annotate", {}).get("proposal")
    return None if found is None else Proposal.from_json(found)


def _rows_before(folder: Path) -> dict[str, dict[str, str]]:
    """What metadata.csv says now, by id; empty if it is not there, or not valid any more."""
    if not (folder / METADATA).is_file():
        return {}
    with open(folder / METADATA, encoding="utf-8-sig", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file) if row.get("id")}


def _link(made: Path, target: Path) -> None:
    """The same file under another name, or a copy where the disk has no links."""
    if target.is_file() and target.samefile(made):
        return
    target.unlink(missing_ok=True)
    try:
        os.link(made, target)
    except OSError:
        shutil.copyfile(made, target)


def _is_address(row: Mapping[str, object]) -> bool:
    return str(row["source"]).startswith(("http://", "https://"))


def _manifest_row(row: Mapping[str, object]) -> dict[str, object]:
    """A row by which others can fetch the clip from its site (`i2vbench data download MANIFEST.csv`)."""
    names = ("id", "category", "prompt", "prompt_state", "objects", "scene", "title", "author", "licence")
    times = {"start": row["source_start"], "end": row["source_end"], "source": row["source"]}
    return {**{name: row.get(name, "") for name in names}, **times}


def _keep_proposals(folder: Path, chosen: Sequence[Item]) -> None:
    """Give what the networks saw to the annotation page, which then need not look again."""
    proposals = {item.id: (item.facts["annotate"]["by"], found) for item in chosen if (found := proposal_of(item))}
    samples = {row.sample.id: row.sample for row in read_folder(folder).rows}
    with ProposalStore(folder) as store:
        for id_, (by, proposal) in proposals.items():
            store.keep(contents(samples[id_]), by, proposal)
