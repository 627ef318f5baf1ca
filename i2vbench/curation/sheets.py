"""Contact sheets: a data set's clips at a glance, a page per category, for a person to look through."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from i2vbench.curation.thumbnails import Strip, make_strips
from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.pages import policy_hash, templates
from i2vbench.store import folder_name
from i2vbench.types import SAFE_ID, ClipSource

_HERE = Path(__file__).parent
SHEETS = "contact"
"""The folder of the pages; `thumbs/` is in it."""


@dataclass(frozen=True, slots=True)
class SheetClip:
    """A clip on its sheet. All texts may come from anywhere; they are shown as text.

    Attributes:
        id: Names the thumbnail.
        path: The video or picture.
        category: Its page.
        prompt: What models are told.
        objects: Its object words.
        scene: Its scene words.
        facts: What else is shown, by label, as scores. Length and size are measured, unless they stand here.
        source: Where it comes from; a link if it is the address of a page.
        title: As its source calls it.
        author: As its source names them.
        licence: As its source states it.
        start: Seconds; where the clip begins in its file.
        end: Seconds; None is the file's end.

    Raises:
        ValueError: For an id that is no safe file name.
    """

    id: str
    path: Path
    category: str
    prompt: str
    objects: tuple[str, ...] = ()
    scene: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    title: str = ""
    author: str = ""
    licence: str = ""
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if not SAFE_ID.fullmatch(self.id):
            raise ValueError(f"id of a clip: expected a safe file name ({SAFE_ID.pattern}), got {self.id!r}")


def write_sheets(folder: Path, title: str, clips: Iterable[SheetClip]) -> None:
    """Write folder/contact/: index.html, a page per category, and the thumbnails, which are kept while they hold.

    Pages and thumbnails of what is no longer among the clips are removed: a clip that was taken out leaves nothing.

    Args:
        folder: The data set's.
        title: Of the pages.
        clips: In the order of the pages; categories come in the order of their first clip.

    Raises:
        UserError: The folder cannot be written to.
        ValueError: Two ids, or two categories, that are one file to some file systems.
    """
    sheet = list(clips)
    categories: dict[str, list[SheetClip]] = {}
    for clip in sheet:
        categories.setdefault(clip.category, []).append(clip)
    _refuse_twins("ids", (clip.id for clip in sheet))
    _refuse_twins("categories", categories)
    out = folder / SHEETS
    try:
        (out / "thumbs").mkdir(parents=True, exist_ok=True)
        paths = {clip.id: out / "thumbs" / f"{clip.id}.jpg" for clip in sheet}
        strips = make_strips({paths[clip.id]: ClipSource(clip.path, clip.start, clip.end) for clip in sheet})
        pages = _render(title, categories, {id_: strips[path] for id_, path in paths.items()})
        for name, text in pages.items():
            write_bytes(out / name, text.encode())
        kept = {*paths.values(), *(out / name for name in pages)}
        left = [out.glob("category-*.html"), (out / "thumbs").glob("*.jpg"), (out / "thumbs").glob(".*.partial")]
        for path in itertools.chain(*left):
            if path not in kept:
                path.unlink()
    except OSError as error:
        raise UserError(f"the contact sheets cannot be written to {out}: {error.strerror or error}") from error


def _refuse_twins(what: str, names: Iterable[str]) -> None:
    folded: set[str] = set()
    for name in names:
        if name.casefold() in folded:
            raise ValueError(f"{what} of clips: expected them to differ in more than case, got {name!r} twice")
        folded.add(name.casefold())


def _render(
    title: str, categories: Mapping[str, Sequence[SheetClip]], strips: Mapping[str, Strip | str]
) -> dict[str, str]:
    """The pages by file name."""
    environment = templates(_HERE)
    style = (_HERE / "sheets.css").read_text(encoding="utf-8")
    common = {"style": Markup(style), "style_hash": policy_hash(style), "title": title}
    cards = {name: [_card(clip, strips[clip.id]) for clip in some] for name, some in categories.items()}
    links = [{"name": name, "page": page_name(name), "cards": cards[name]} for name in categories]
    index = environment.get_template("index.html.jinja").render(**common, categories=links, n=len(strips))
    pages = {"index.html": index}
    for position, (name, link) in enumerate(zip(categories, links, strict=True)):
        pages[page_name(name)] = environment.get_template("category.html.jinja").render(
            **common,
            category=link,
            before=links[position - 1] if position else None,
            after=links[position + 1] if position + 1 < len(links) else None,
        )
    return pages


def page_name(category: str) -> str:
    """The file of a category's page."""
    return f"category-{folder_name(category)}.html"


def _card(clip: SheetClip, strip: Strip | str) -> dict[str, Any]:
    """What a page shows of a clip."""
    measured: dict[str, str] = {}
    if isinstance(strip, Strip):
        measured = {"Length": f"{strip.seconds:.2f} s"} if strip.seconds is not None else {}
        measured["Size"] = f"{strip.clip_width} × {strip.clip_height}"
    facts = {"Objects": "; ".join(clip.objects), "Scene": clip.scene} | measured | dict(clip.facts)
    origin = {"Title": clip.title, "Author": clip.author, "Licence": clip.licence}
    return {
        "clip": clip,
        "strip": strip if isinstance(strip, Strip) else None,
        "reason": strip if isinstance(strip, str) else "",
        "facts": {label: text for label, text in facts.items() if text},
        "origin": {label: text for label, text in origin.items() if text},
        "is_link": _is_web(clip.source),
    }


def _is_web(address: str) -> bool:
    """Whether an address is one of a page, and nothing that a browser would run or open on this machine."""
    if not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
