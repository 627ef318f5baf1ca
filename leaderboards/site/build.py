"""The site: every page of every board, in one folder that works from a disk and asks nothing of another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment

from i2vbench import __version__
from i2vbench.leaderboards.entries import TOTAL, Entry
from i2vbench.leaderboards.site import board_page, index_page, metric_page, model_page, submit_page
from i2vbench.leaderboards.site.boards import Board, boards, metric_texts
from i2vbench.leaderboards.site.clips import place_clips
from i2vbench.leaderboards.site.data_files import as_csv, as_json, as_script
from i2vbench.leaderboards.site.links import is_address
from i2vbench.leaderboards.site.place import replaced_folder
from i2vbench.pages import templates

_HERE = Path(__file__).parent

TITLE = "I2V-Bench leaderboards"


@dataclass(frozen=True, slots=True)
class Built:
    """How large a site is: its pages, and the entries on each board by its id."""

    pages: int
    entries: Mapping[str, int]


def build_site(entries: Sequence[Entry], out: Path, title: str = TITLE) -> Built:
    """Build the site of these entries in `out`, in place of the one that is there.

    Args:
        entries: Of all boards.
        out: A folder that is new, empty, or a site that was built before.
        title: What the site is called.

    Raises:
        UserError: `out` holds something else; or an entry cannot be shown (`boards`, `place_clips`).
    """
    shown = boards(entries)
    with replaced_folder(out) as folder:
        pages = _Pages(folder, shown, title)
        placed = {board.id: [place_clips(entry, folder) for entry in board.entries] for board in shown}
        for board in shown:
            pages.put(f"data/{board.id}.json", as_json(board))
            pages.put(f"data/{board.id}.csv", as_csv(board))
            pages.put(f"data/{board.id}.js", as_script(board, placed[board.id]))
            pages.page(f"{board.id}.html", "board.html.jinja", board_page.facts(board))
            for i, entry in enumerate(board.entries):
                facts = model_page.facts(board, i, placed[board.id])
                pages.page(f"models/{board.id}-{entry.slug}.html", "model.html.jinja", facts)
        for text in metric_texts().values():
            pages.page(f"metrics/{text.info.id}.html", "metric.html.jinja", metric_page.facts(text, shown))
        pages.page("index.html", "index.html.jinja", index_page.facts(shown))
        pages.page("submit.html", "submit.html.jinja", submit_page.facts(shown))
        for name in ("style.css", "script.js", "icon.svg"):
            pages.put(name, (_HERE / name).read_text(encoding="utf-8"))
        return Built(pages.count, {board.id: len(board.entries) for board in shown})


class _Pages:
    """Writes the files of one site."""

    def __init__(self, folder: Path, shown: Sequence[Board], title: str) -> None:
        self.folder, self.count = folder, 0
        self.environment = site_templates()
        self.environment.globals |= {
            "site_title": title, "version": __version__, "boards": shown, "all_metrics": list(metric_texts().values()),
        }  # fmt: skip

    def page(self, address: str, template: str, facts: Mapping[str, Any]) -> None:
        root = "../" * address.count("/")
        self.put(address, self.environment.get_template(template).render(facts, root=root, address=address))
        self.count += 1

    def put(self, address: str, text: str) -> None:
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def site_templates() -> Environment:
    """The templates of the pages; in them `value is address` tells what may be a link."""
    environment = templates(_HERE / "pages")
    environment.tests["address"] = is_address
    environment.globals["TOTAL"] = TOTAL
    return environment
