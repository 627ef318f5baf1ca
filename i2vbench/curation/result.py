"""What curation ends with: clips/, metadata.csv, MANIFEST.csv, and the proposals that the annotation page begins with.

People work in metadata.csv: they correct prompts, add words and columns, and say in `missing` which clips are removed.
Every cell that is not what curation wrote is theirs. It is kept by the clip's contents, so that it comes back with a
clip that has left the set for a while.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.annotate.proposals import Proposal
from i2vbench.annotate.proposing import contents
from i2vbench.annotate.store import Store as ProposalStore
from i2vbench.curation.pipeline import Report
from i2vbench.curation.stage import Item, Place
from i2vbench.curation.store import Store
from i2vbench.datasets.csv_table import read_cells
from i2vbench.datasets.metadata import METADATA, read_folder
from i2vbench.datasets.writing import metadata_bytes, write_metadata
from i2vbench.errors import UserError
from i2vbench.files import link_or_copy, write_bytes
from i2vbench.texts import one_line

MANIFEST = "MANIFEST.csv"

_FACTS = frozenset("file_name id sha256 bytes width height frames fps source_start source_end missing".split())
"""Columns that say what a file is: they are never a person's."""

_NEXT = "|next"
"""After an item's id: its row as it is about to be written, for a run that is killed between the two."""

Cells = dict[str, str]


def removed_clips(folder: Path) -> dict[str, str]:
    """Why a person has taken clips out of the set, by id: what metadata.csv says in `missing`.

    Raises:
        UserError: The table is not valid any more, and going on would lose what people wrote into it.
    """
    if not (folder / METADATA).is_file():
        return {}
    found = read_folder(folder)
    faults = [fault for fault in found.faults if not fault.text.endswith("does not exist")]
    if faults:
        raise UserError(
            f"{folder / METADATA} is not valid any more, and what people wrote into it would be lost: {faults[0]}; "
            "mend it, or move it away"
        )
    return {clip.id: clip.reason for clip in found.missing}


def write_clips(place: Place, report: Report) -> None:
    """Bring the folder to the chosen clips. If none is chosen, nothing is changed.

    Raises:
        UserError: The folder cannot be written to, or is being annotated.
    """
    chosen = report.chosen
    if not chosen:
        return
    before = _table(place.folder)
    edited = _edits(place.store, before)
    place.store.keep_cells("edited", edited)
    clips = place.folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    for item in chosen:
        link_or_copy(place.clip(item.id), clips / f"{item.id}.mp4")
    made = _by_id(metadata_bytes([_row(item) for item in chosen]))
    rows = {id_: _with(row, edited.get(id_, {})) for id_, row in made.items()}
    place.store.keep_cells("written", {f"{id_}{_NEXT}": row for id_, row in rows.items()})
    write_metadata(place.folder, [*rows.values(), *(before[id_] for id_ in place.removed if id_ in before)])
    place.store.keep_cells("written", _by_id((place.folder / METADATA).read_bytes()))
    addresses = [item for item in chosen if item.path is None]
    write_bytes(place.folder / MANIFEST, metadata_bytes([_manifest_row(rows[item.id]) for item in addresses]))
    _tidy(place, {item.id for item in chosen})
    _keep_proposals(place.folder, chosen)


def _row(item: Item) -> dict[str, object]:
    cut = item.facts["cut"]
    return {
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


def proposed_prompt(item: Item) -> str:
    """The caption seen in most frames; else the title of its video; else its category."""
    proposal = proposal_of(item)
    caption = proposal.first_caption() if proposal else ""
    return one_line(caption or item.said.get("title", "")) or f"a video of the category {item.category}"


def proposal_of(item: Item) -> Proposal | None:
    """What the networks saw in a clip; None if they have not looked."""
    found = item.facts.get("annotate", {}).get("proposal")
    return None if found is None else Proposal.from_json(found)


def _table(folder: Path) -> dict[str, Cells]:
    """What metadata.csv says now, by id; empty if it is not there."""
    path = folder / METADATA
    return _by_id(path.read_bytes()) if path.is_file() else {}


def _by_id(data: bytes) -> dict[str, Cells]:
    """The cells of each row of a valid table."""
    return {cells["id"]: cells for cells in read_cells(data).values()}


def _edits(store: Store, before: Mapping[str, Cells]) -> dict[str, Cells]:
    """The cells that people have changed, by id, with the sha256 of the clip that they saw."""
    written, edited = store.cells("written"), store.cells("edited")
    for id_, row in before.items():
        ours = [written.get(id_, {}), written.get(f"{id_}{_NEXT}", {})]
        changed = {
            name: text
            for name, text in row.items()
            if name not in _FACTS and all(text != cells.get(name, "") for cells in ours)
        }
        if "prompt" in changed and row.get("prompt_state") == "proposed":
            changed["prompt_state"] = "checked"  # who wrote another one has looked
        sha256, known = row.get("sha256", ""), edited.get(id_, {})
        if changed:
            edited[id_] = {**(known if known.get("sha256") == sha256 else {}), **changed, "sha256": sha256}
    return edited


def _with(row: Cells, edits: Cells) -> Cells:
    """A row with what people wrote of the same clip."""
    return {**row, **edits} if edits.get("sha256") == row["sha256"] else row


def _tidy(place: Place, chosen: set[str]) -> None:
    """Remove clips of ours that are not in the set any more, and every copy of those that a person has removed."""
    ours = place.store.items("cut")
    for path in (place.folder / "clips").glob("*.mp4"):
        if path.stem in ours and path.stem not in chosen:
            path.unlink()
    for id_ in ours.intersection(place.removed):
        place.clip(id_).unlink(missing_ok=True)


def _manifest_row(row: Mapping[str, str]) -> dict[str, object]:
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
