"""The site's files: what is in them, that they hold together, and what is replaced."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import pytest

from i2vbench.admission import BOARDS
from i2vbench.errors import UserError
from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.published import METHODS, numbers
from i2vbench.leaderboards.site.boards import boards, metric_texts
from i2vbench.leaderboards.site.build import build_site
from i2vbench.leaderboards.site.links import is_address
from i2vbench.leaderboards.site.place import MARKER, replaced_folder
from i2vbench.statistics import Interval
from tests.cli.inside import Inside, call_inside
from tests.conftest import ROOT, Cli
from tests.leaderboards.site.entries import I2V_BENCH, NASTY, UCF101, clips, few_entries, printed, score, submitted

OUTSIDE = ("http:", "https:")


class Page(HTMLParser):
    """A page as a browser would split it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._raw = False
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data

    def addresses(self) -> Iterator[tuple[str, str, str]]:
        for tag, attrs in self.tags:
            for name in ("href", "src", "poster", "srcset", "action", "data"):
                if (value := attrs.get(name)) is not None:
                    yield tag, name, value

    @property
    def ids(self) -> set[str | None]:
        return {attrs.get("id") for _, attrs in self.tags}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("site")
    build_site(few_entries(room / "clips"), room / "site")
    return room / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(tmp_path, monkeypatch, capsys)


def test_every_model_and_metric_has_a_page(pages: dict[str, Page]) -> None:
    models = [f"{board}-{method.lower()}" for board in BOARDS for method in METHODS]
    models += [f"i2v-bench-{slug}" for slug in ("apex", "brisk", "calm", "nasty")]
    metrics = {id_ for board in BOARDS.values() for id_ in board.metrics}
    assert set(pages) == {
        *("index.html", "submit.html", "i2v-bench.html", "ucf101.html", "msrvtt.html"),
        *(f"models/{model}.html" for model in models),
        *(f"metrics/{metric}.html" for metric in metrics),
    }


def test_all_addresses_lead_to_files_and_places_that_are_there(site: Path, pages: dict[str, Page]) -> None:
    reached = set()
    for name, page in pages.items():
        for _, _, address in page.addresses():
            parts = urlsplit(address)
            if parts.scheme:
                continue
            path = (site / name).parent / unquote(parts.path) if parts.path else site / name
            assert path.is_file(), f"{name}: {address}"
            here = path.resolve().relative_to(site.resolve()).as_posix()
            reached.add(here)
            if parts.fragment and here in pages:
                assert parts.fragment in pages[here].ids, f"{name}: {address}"
    reached |= {"index.html", MARKER}
    assert reached == {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}


def test_nothing_is_loaded_from_elsewhere_and_no_markup_comes_in(pages: dict[str, Page]) -> None:
    for page in pages.values():
        for tag, name, address in page.addresses():
            assert urlsplit(address).scheme in ("", *(scheme[:-1] for scheme in OUTSIDE)), address
            assert not address.startswith("//")
            if urlsplit(address).scheme:
                assert (tag, name) == ("a", "href")
        for tag, attrs in page.tags:
            assert not [name for name in attrs if name.startswith("on") or name == "style"]
            if tag == "a" and str(attrs["href"]).startswith(OUTSIDE):
                assert attrs["rel"] == "noopener noreferrer nofollow"
            if tag == "script":
                assert set(attrs) == {"src", "defer"}
            assert tag not in ("iframe", "object", "embed", "b", "style", "base")
        policy = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
        assert len(policy) == 1
        assert "unsafe" not in str(policy[0])


def test_hostile_texts_stand_in_the_pages_as_texts(pages: dict[str, Page]) -> None:
    model = pages["models/i2v-bench-nasty.html"]
    assert model.text.count(NASTY) >= 8  # title, name, facts, links, notes, category, prompt, scores
    assert "javascript:document.title" in model.text
    assert "(no address of a web site)" in model.text
    assert NASTY in pages["i2v-bench.html"].text
    assert not [a for _, _, a in model.addresses() if a.startswith(("javascript", "data:"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.org/a?b=c#d", True),
        ("http://example.org", True),
        ("HTTPS://EXAMPLE.ORG", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        (" https://example.org", False),
        ("//example.org", False),
        ("https:example.org", False),
        ("https://known.org@evil.org", False),
        ("https://exаmple.org", False),
        ("https://[::1", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_only_plain_web_addresses_become_links(text: str, expected: bool) -> None:
    assert is_address(text) is expected


def test_published_numbers_stand_as_printed_and_are_marked_as_the_paper_marks_them(tmp_path: Path) -> None:
    board = boards(printed(*I2V_BENCH))[0]
    assert len(board.categories) == 18
    assert board.categories[0] == TOTAL
    pets = {number.method: number.text for number in numbers(12) if number.category == "Pet"}
    cells = board.cells["dynamic_degree", "Pet"]
    assert {entry.name: cell.text for entry, cell in zip(board.entries, cells, strict=True)} == pets
    marked = {entry.name: cell.mark for entry, cell in zip(board.entries, cells, strict=True)}
    order = sorted(pets, key=lambda name: -float(pets[name]))
    assert (marked[order[0]], marked[order[1]], marked[order[2]]) == ("best", "second", "")
    fvd = boards(printed(*UCF101))[1]
    marked = {e.name: c.mark for e, c in zip(fvd.entries, fvd.cells["fvd", TOTAL], strict=True)}
    assert marked["ConsistI2V"] == "best"  # 177.66, the lowest of Table 1


def test_ranks_of_equal_numbers_are_shared(site: Path) -> None:
    text = (site / "metrics/dynamic_degree.html").read_text(encoding="utf-8")
    found = re.findall(r'i2v-bench-([\w-]+)\.html"><bdi>.*?<td class="number rank">(\S+)</td>', text)
    assert found[:4] == [("brisk", "1"), ("apex", "2"), ("calm", "2"), ("dynamicrafter", "4")]
    empty = (site / "metrics/scene_consistency.html").read_text(encoding="utf-8")
    found = re.findall(r'i2v-bench-([\w-]+)\.html"><bdi>.*?<td class="number rank">(\S+)</td>', empty)
    assert [rank for slug, rank in found if slug in ("apex", "brisk", "calm")] == ["–"] * 3
    assert [slug for slug, _ in found][-3:] == ["apex", "brisk", "calm"]


def test_the_files_of_numbers_say_what_the_pages_say(site: Path) -> None:
    data = json.loads((site / "data/i2v-bench.json").read_text(encoding="utf-8"))
    models = {model["slug"]: model for model in data["models"]}
    assert models["apex"]["scores"]["dynamic_degree"]["Pet"] == {
        "printed": "12.50", "value": 12.5, "n": 189, "interval": [9.5, 15.5], "note": "one clip failed",
    }  # fmt: skip
    assert models["consisti2v"]["scores"]["dynamic_degree"][TOTAL]["printed"] == "37.48"
    assert models["apex"]["scores"]["scene_consistency"][TOTAL]["value"] is None
    assert models["nasty"]["name"] == NASTY
    with open(site / "data/i2v-bench.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pet = [r for r in rows if (r["slug"], r["metric"], r["category"]) == ("apex", "dynamic_degree", "Pet")]
    assert [(r["printed"], r["n"], r["low"], r["high"], r["note"]) for r in pet] == [
        ("12.50", "189", "9.50", "15.50", "one clip failed")
    ]
    published = [r for r in rows if r["slug"] == "seine"]
    assert len(published) == 6 * 18 + 5 + 3  # Tables 6 to 9, 12, 13; 10; 11


def test_clips_are_real_videos_under_names_of_ours(site: Path) -> None:
    found = sorted(path.name for path in (site / "clips/i2v-bench/apex").iterdir())
    assert len(found) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9][\w.-]*\.(mp4|png)", name) for name in found)
    with av.open(io.BytesIO((site / "clips/i2v-bench/apex/dog-1.mp4").read_bytes())) as container:
        assert len(list(container.decode(video=0))) == 8


def test_the_same_entries_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    build_site(few_entries(tmp_path / "elsewhere"), tmp_path / "another" / "deep")
    first, second = (
        {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (site, tmp_path / "another" / "deep")
    )
    assert first == second
    assert not [name for name, data in first.items() if str(tmp_path).encode() in data]


def test_stale_pages_go_and_files_of_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "site"
    entries = [submitted(tmp_path, "old", clips=()), submitted(tmp_path, "kept", clips=())]
    build_site(entries, out)
    (tmp_path / ".site.i2vbench-partial").mkdir()  # of a process that was killed
    (tmp_path / ".site.i2vbench-partial" / "half.html").write_text("half")
    build_site(entries[1:], out)
    assert sorted(path.name for path in (out / "models").iterdir()) == ["i2v-bench-kept.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]
    (out / "CNAME").write_text("mine.example.org")
    with pytest.raises(UserError, match="holds 1 file that no site has, as CNAME"):
        build_site(entries, out)
    assert (out / "CNAME").exists()
    assert (out / "index.html").exists()


def test_a_build_that_fails_leaves_the_site_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "site"
    build_site([submitted(tmp_path, "good", clips=())], out)
    before = (out / "index.html").read_bytes()
    bad = submitted(tmp_path, "bad")
    bad.clips[1].video.write_bytes(b"<html><script>alert(1)</script></html>")
    with pytest.raises(UserError, match=r"its contents are not those of a \.mp4 file"):
        build_site([bad], out)
    assert (out / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "site"]


def test_a_build_killed_between_its_moves_is_mended_by_the_next(tmp_path: Path) -> None:
    out = tmp_path / "site"
    build_site([submitted(tmp_path, "good", clips=())], out)
    out.rename(tmp_path / ".site.i2vbench-old")
    with pytest.raises(UserError, match="expected a slug"), replaced_folder(out):
        boards([submitted(tmp_path, "Bad", clips=())])
    assert (out / "models/i2v-bench-good.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_only_one_process_builds_a_site(tmp_path: Path) -> None:
    with (
        replaced_folder(tmp_path / "site"),
        pytest.raises(UserError, match="another process builds"),
        replaced_folder(tmp_path / "site"),
    ):
        pass


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    shown = clips(tmp_path / "clips")
    link = tmp_path / "link.mp4"
    link.symlink_to(shown[0].video)

    def refused(match: str, **changes: object) -> None:
        with pytest.raises(UserError, match=match):
            build_site([submitted(tmp_path, "model", clips=(), **changes)], tmp_path / "out")

    refused("expected a board of i2v-bench, ucf101, msrvtt, found 'mine'", board="mine")
    refused("expected a slug", slug="../x")
    with pytest.raises(UserError, match="found a link"):
        build_site([submitted(tmp_path, "a", clips=(dataclasses.replace(shown[0], video=link),))], tmp_path / "out")
    with pytest.raises(UserError, match="two of its clips are of the sample dog-1"):
        build_site([submitted(tmp_path, "a", clips=(shown[0], shown[0]))], tmp_path / "out")
    with pytest.raises(UserError, match="its slug 'a' is there twice"):
        build_site([submitted(tmp_path, "a", clips=())] * 2, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interval_that_is_none_is_not_shown(tmp_path: Path) -> None:
    entry = submitted(tmp_path, "one", clips=())
    nan = dataclasses.replace(score("50.00", 1), interval=Interval(float("nan"), float("nan")))
    entry = dataclasses.replace(entry, scores={"dynamic_degree": {TOTAL: nan}})
    cell = boards([entry])[0].cells["dynamic_degree", TOTAL][0]
    assert (cell.text, cell.interval) == ("50.00", ())


def test_baselines_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text in metric_texts().values():
        row = next(line for line in readme.splitlines() if re.match(rf"\| {re.escape(text.info.title)}[ (]", line))
        numbers_ = re.findall(r"\d+\.\d+", row)
        assert [text.demo[name] for name in ("static", "pan", "ground_truth")] == numbers_[1:], text.info.id


def test_pages_of_two_hundred_entries_stay_small(tmp_path: Path) -> None:
    model = submitted(tmp_path, "m", clips=())
    names = boards(printed(*I2V_BENCH))[0].categories
    full = {metric: {name: score("91.25", 2951, 0.4) for name in names} for metric in model.scores}
    many = [dataclasses.replace(model, slug=f"m{i}", name=f"Model number {i}", scores=full) for i in range(40)]
    assert build_site(many, tmp_path / "site").entries["i2v-bench"] == 40
    largest = max(path.stat().st_size for path in (tmp_path / "site").rglob("*.html"))
    assert largest * 200 / 40 < 2**20


def test_the_command_builds_and_builds_again(cli: Cli, tmp_path: Path) -> None:
    done = cli("leaderboard", "build", "--out", "site", "--title", "Boards <of> ours")
    assert done.returncode == 0, done.stderr
    assert "site/index.html: 32 pages; entries: i2v-bench 5, ucf101 5, msrvtt 5" in done.stdout
    page = Page(tmp_path / "site/index.html")
    assert "Boards <of> ours" in page.text
    assert len(list((tmp_path / "site/models").glob("*consisti2v.html"))) == 3


def test_the_command_refuses_folders_of_others(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    done = inside("leaderboard", "build", "--out", "mine")
    assert done.code == 2
    assert "expected a new or empty folder, or a site that this command has built there" in done.stderr
    assert (tmp_path / "mine/thesis.tex").exists()
    done = inside("leaderboard", "build", "--out", "site", "--submissions", "nowhere")
    assert done.code == 2
    assert "--submissions nowhere: there is no such folder" in done.stderr
    assert not (tmp_path / "site").exists()
    done = inside("leaderboard", "build", "--out", ".")
    assert done.code == 2
    assert "call it from outside" in done.stderr
    (tmp_path / "empty").mkdir()
    assert inside("leaderboard", "build", "--out", "empty").code == 0
    (tmp_path / "empty" / MARKER).write_text("[]")
    done = inside("leaderboard", "build", "--out", "empty")
    assert "its .i2vbench-site.json is damaged" in done.stderr


def test_a_trial_is_marked_and_has_neither_mark_nor_rank(tmp_path: Path) -> None:
    """A small run of other clips under other networks scores what nobody does."""
    best = submitted(tmp_path, "best", 4.0, clips=(), origin="trial", notes=("May not go on a leaderboard: tiny.",))
    entries = [best, submitted(tmp_path, "first", 1.0, clips=()), submitted(tmp_path, "second", clips=())]
    build_site(entries, tmp_path / "out")
    board = (tmp_path / "out" / "i2v-bench.html").read_text()
    assert re.findall(r'data-origin="(\w+)"', board) == ["submitted", "submitted", "trial"]
    assert "<span>94.00</span>" in board
    assert "<strong>91.00</strong>" in board
    assert "<u>90.00</u>" in board
    assert "A trial is a run that may not stand on this board" in board
    ranks = re.findall(
        r'number rank">(\S+)</td>', (tmp_path / "out" / "metrics" / "subject_consistency.html").read_text()
    )
    assert ranks == ["1", "2", "–"]
    page = (tmp_path / "out" / "models" / "i2v-bench-best.html").read_text()
    assert "This run may not stand on the board" in page
    assert "May not go on a leaderboard: tiny." in page
    leaders = (tmp_path / "out" / "index.html").read_text()
    assert "0 of the paper, 2 submitted, 1 trials" in leaders
    assert "models/i2v-bench-best.html" not in leaders
    assert "best,best,trial," in (tmp_path / "out" / "data" / "i2v-bench.csv").read_text()
