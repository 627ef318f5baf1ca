"""`leaderboard verify FOLDER`: a folder that was tampered with is found out, by its own files or by its archive."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.leaderboards.folders import clips, scores
from i2vbench.leaderboards.folders.read import accepted
from i2vbench.leaderboards.folders.record import CellLine
from i2vbench.leaderboards.folders.scores import ScoreLine, cells_against_scores
from i2vbench.video import encode_png, read_image
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.folders.conftest import ADDRESS, Hold, fill_in
from tests.leaderboards.submission.archives import at, of_line, seal, take_apart


def replace(name: str, before: str, after: str) -> Callable[[Path], None]:
    """Puts another text in the place of the first that is found in a file."""

    def edit(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert before in text, (before, text)
        path.write_text(text.replace(before, after, 1), encoding="utf-8")

    return edit


FORGED = '"value":"0.0500","n":3,"planned":3,"low":"0.0400","high":"0.0600"'


def card(before: str, after: str) -> Callable[[Path], None]:
    return replace("entry.toml", before, after)


def test_a_folder_is_what_its_archive_makes(folder: Path, submitted: Submitted, hold: Hold) -> None:
    report = hold(folder, submitted.archive)
    assert report.faults == []
    assert "3 clips are, to the byte, what the archive's videos make" in report.passed
    assert report.folder == "msrvtt/rolling"
    # What it says of itself is no fault only where that was asked for.
    strict = hold(folder, submitted.archive, anyway=False)
    assert strict.faults[:2] == [
        "it may not go on a leaderboard: It was made under the profile tiny. These numbers are not comparable with "
        "published ones.",
        "it may not go on a leaderboard: Its data set is demo; there are leaderboards of i2v-bench, ucf101, msrvtt.",
    ]
    assert strict.faults[2:] == ["it may not go on a leaderboard: It is of the data set demo, not of msrvtt."]


def test_only_its_models_clips_are_measured_again(folder: Path, submitted: Submitted, hold: Hold) -> None:
    report = hold(folder, submitted.archive, recompute_only=False, clips=1)
    assert report.faults == []
    assert {record.model for record in report.compared} - {""} == {"rolling"}


def test_numbers_cells_and_clips_that_the_archive_does_not_make_are_found(
    folder: Path, submitted: Submitted, hold: Hold
) -> None:
    text = (folder / "scores.csv").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("astronaut,") and ",clipsim,done," in line)
    digits = line.split(",")[5][:11]  # as many as another processor's are, too
    forged = digits[:-1] + str((int(digits[-1]) + 1) % 10)  # too little for the printed cell to tell
    replace("scores.csv", digits, forged)(folder)
    replace("scores.csv", "the sample has no reference clip", "it was raining")(folder)
    replace("cells.json", '"value":"102.20"', '"value":"92.20"')(folder)
    replace("cells.json", '"value":"0.0500","n":3,"planned":3,"low":"","high":""', FORGED)(folder)
    replace("cells.json", "a woman in an orange", "a man in an orange")(folder)
    shutil.copy(folder / "clips" / "astronaut.mp4", folder / "clips" / "leaning-in-car.mp4")
    picture = folder / "clips" / "astronaut.png"
    image = read_image(picture)
    image[0, 0] ^= 1
    picture.write_bytes(encode_png(image))
    with open(folder / "clips" / "talking-in-car.png", "ab") as file:
        file.write(b"and more")
    faults = hold(folder, submitted.archive).faults
    begins = [
        f"scores.csv, astronaut-seed0, clipsim: {forged}",
        "scores.csv, astronaut-seed0, fvd: it was raining (Portrait) there; its archive makes the sample has no",
        "cells.json, clips: ",
        "cells.json, fvd, all clips: 92.20 of 2 clips",
        "cells.json, clipsim, Portrait: 0.0500 (0.0400 to 0.0600) of 3 clips of 3 there; its archive makes 0.0500 of",
        "clips/astronaut.png is not what models were shown",
        "clips/talking-in-car.png has the pixels that models were shown, and is not written as",
        "clips/leaning-in-car.mp4 is not what the archive's video makes here",
    ]
    assert [b for b in begins if not any(fault.startswith(b) for fault in faults)] == []
    assert len(faults) == len(begins), faults


@pytest.mark.parametrize("size_px", [(64, 256), (20_000, 20_000)])
def test_a_picture_of_another_size_is_not_opened(
    size_px: tuple[int, int], folder: Path, submitted: Submitted, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred kilobytes can be a gigabyte of pixels; and 64 x 256 black pixels have the hash of 128 x 128."""
    height, width = size_px
    rows = (bytes(1 + 3 * width) for _ in range(min(height, 500)))  # cut off: nothing may read so far
    packed = zlib.compressobj(9)
    data = b"".join([*map(packed.compress, rows), packed.flush()])
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", data[: 200 << 10]), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in parts)
    (folder / "clips" / "astronaut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    real = clips.read_image

    def opened(path: Path) -> object:
        assert path.name != "astronaut.png"
        return real(path)

    monkeypatch.setattr(clips, "read_image", opened)
    (fault,) = hold(folder, submitted.archive).faults
    found = f"it has {height} x {width} pixels, that 128 x 128"
    assert fault == f"clips/astronaut.png is not what models were shown: {found}"


def test_lines_are_gone_through_once_for_all_cells(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two megabytes of cells times sixteen of lines would take hours."""
    said = json.loads((folder / "cells.json").read_bytes())["cells"][-1]
    cells = [CellLine(**(said | {"category": f"c{n}"})) for n in range(40)]
    lines = [ScoreLine(f"s{n}", "c0", 0, "clipsim", "owed", None, "") for n in range(300)]
    calls: list[str] = []
    monkeypatch.setattr(scores, "csv_text", lambda text: calls.append(text) or text)
    faults = cells_against_scores(cells, lines)
    assert faults[0] == f"{said['metric']}, c0: 3 clips; scores.csv has 300"
    assert len(calls) == len(cells)


def test_the_archive_is_that_of_the_folder(folder: Path, submitted: Submitted, hold: Hold, tmp_path: Path) -> None:
    forged = take_apart(submitted.archive)
    of_line("measurements.jsonl", lambda row: row["metric"] == "clipsim", at("value", to=0.9))(forged)
    other = tmp_path / "other.zip"
    other.write_bytes(seal(forged))
    found = hold(folder, other).faults
    assert found[0].startswith("the archive: other.zip has ")
    assert found[-1].startswith("its archive was not looked at")
    # With the hash made to fit, its rows make other cells than the folder and its own tables have.
    size, sha256 = other.stat().st_size, subprocess.check_output(["sha256sum", other], text=True).split()[0]
    text = (folder / "entry.toml").read_text(encoding="utf-8").splitlines()
    before = {line: line for line in text if line.startswith(("sha256 = ", "bytes = "))}
    fill_in(folder, {b: f'sha256 = "{sha256}"' if b[0] == "s" else f"bytes = {size}" for b in before})
    found = hold(folder, other).faults
    assert any(fault.startswith("verification.json is of another archive than entry.toml names") for fault in found)
    assert any(fault.startswith("tables/clipsim.csv, row ") for fault in found)


def test_another_model_of_the_archive_is_found(folder: Path, submitted: Submitted, hold: Hold) -> None:
    card('model = "rolling"', 'model = "static"')(folder)
    replace("cells.json", '"model": "rolling"', '"model": "static"')(folder)
    faults = hold(folder, submitted.archive).faults
    assert any(fault.startswith("scores.csv, leaning-in-car-seed0, clipsim: ") for fault in faults)
    assert any(fault.startswith("clips/astronaut.mp4 is not what the archive's video makes") for fault in faults)
    card('model = "static"', 'model = "mine"')(folder)
    replace("cells.json", '"model": "static"', '"model": "mine"')(folder)
    with pytest.raises(UserError, match="no model 'mine' in"):
        hold(folder, submitted.archive)


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (card("https://arxiv.org/abs/2402.04324", "javascript:alert(1)"), "entry.toml: links.paper: expected an"),
        (card("https://arxiv.org/abs/2402.04324", "http://arxiv.org/"), "entry.toml: links.paper: expected an"),
        (card(ADDRESS, "https://127.0.0.1/a.zip"), "entry.toml: archive.url: expected an address"),
        (card(ADDRESS, "https://me:secret@example.org/a.zip"), "entry.toml: archive.url: expected an address"),
        (card(ADDRESS, "https://example.org/a.zip\\\" onclick=\\\"x"), "entry.toml: archive.url: expected an address"),
        (card(ADDRESS, "https://router.local/a.zip"), "entry.toml: archive.url: expected an address"),
        (card(ADDRESS, ""), "entry.toml: archive.url: say where everybody can fetch the archive"),
        (card('name = "rolling"', 'name = "roll\\u001b[31ming"'), "entry.toml: name: expected one line"),
        (card('name = "rolling"', 'name = "roll\\u202eing"'), "entry.toml: name: expected one line"),
        (card('name = "rolling"', 'name = "roll\x07ing"'), "entry.toml: is not TOML"),
        (card('name = "rolling"', 'name = "ConsistI2V"'), "entry.toml: name: 'ConsistI2V' is on the board already"),
        (card('name = "rolling"', f'name = "{"x" * 61}"'), "entry.toml: name: expected one line of at most 60"),
        (card('name = "rolling"', 'name = "rоlling"'), "entry.toml: name: expected letters and digits of ASCII"),
        (card('name = "rolling"', 'name = "---"'), "entry.toml: name: expected letters and digits of ASCII"),
        (card('name = "rolling"', 'name = "Consist-12V"'), "entry.toml: name: 'Consist-12V' is on the board already"),
        (card('title = "', 'title = "z\u0316\u0316\u0316\u0316'), "entry.toml: title: expected at most 3 marks"),
        (card('title = "', 'titel = "'), "entry.toml: unknown setting 'titel'; did you mean title?"),
        (card("bytes = ", "bytes = 1.5 #"), "entry.toml: archive.bytes: expected a whole number"),
        (card("bytes = ", "bytes = -1 #"), "entry.toml: archive.bytes: expected a number from 1 to"),
        (card('sha256 = "', 'sha256 = "x'), "entry.toml: archive.sha256: expected 64 digits"),
        (card('date = ""', 'date = "yesterday"'), "entry.toml: date: expected a day as 2026-07-31"),
        (card('authors = ["A. Author", ', "authors = [1, "), "entry.toml: authors: expected a list of texts"),
        (card('board = "msrvtt"', 'board = "ucf101"'), "entry.toml says another board than cells.json"),
        (card('board = "msrvtt"', 'board = "../x"'), "entry.toml: board: expected i2v-bench or ucf101 or msrvtt"),
        (replace("scores.csv", ",done,0.0", ",done,0.9"), "clipsim, Portrait: 0.0500 of 3 clips; scores.csv makes"),
        (replace("scores.csv", ",done,0.0", ",done,nan"), "scores.csv, line 2: value of another kind"),
        (replace("scores.csv", "astronaut,", "zebra,"), "scores.csv: its lines are not sorted"),
        (replace("scores.csv", "sample,", "id,"), "scores.csv: expected the columns sample, category"),
        (replace("cells.json", '"value":"0.0500"', '"value":"<b>"'), "cells.json, cells, 3: value of another kind"),
        (replace("cells.json", '"value":"0.0500"', '"value":"0.0600"'), "clipsim, Portrait: 0.0600 of 3 clips; scor"),
        (replace("cells.json", '"planned":3,"low":""', '"planned":3,"low":"1"'), "cells.json: fvd, Portrait: an inte"),
        (replace("cells.json", '"metric":"fvd"', '"metric":"kid"'), "cells.json: kid, Portrait: the board msrvtt has"),
        (replace("cells.json", '"format": 1', '"format": 2'), "cells.json is none of layout 1"),
        (replace("cells.json", '"board": "msrvtt"', '"board": "msrvtt", "board": "x"'), "cells.json: a name stands tw"),
        (replace("verification.json", '"verified": true', '"verified": false'), "verification.json says that the arch"),
        (replace("verification.json", '"sha256"', '"sha"'), "verification.json is no report"),
    ],
)  # fmt: skip
def test_texts_that_are_not_what_they_may_be(
    edit: Callable[[Path], None], fault: str, folder: Path, hold: Hold
) -> None:
    edit(folder)
    report = hold(folder)
    assert any(one.startswith(fault) for one in report.faults), report.faults
    assert any(one.startswith("its archive was not looked at") for one in report.faults)
    assert all("\x1b" not in line or not line.isprintable() for line in report.lines())
    with pytest.raises(UserError):
        accepted(folder.parent.parent, trials=True)


def _huge(folder: Path) -> None:
    with open(folder / "cells.json", "r+b") as file:
        file.truncate(3 << 20)


def _many_clips(folder: Path) -> None:
    for number in range(13):
        (folder / "clips" / f"more-{number}.mp4").write_bytes(bytes(250 << 10))


def _linked(folder: Path) -> None:
    (folder / "scores.csv").unlink()
    (folder / "scores.csv").symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda f: (f / "index.html").write_text("<script>"), "index.html is no file of a submission's folder"),
        (lambda f: (f / ".gitattributes").write_text(""), ".gitattributes is no file of a submission's folder"),
        (lambda f: (f / "clips" / "x.svg").write_text(""), "clips/x.svg is no file of a submission's folder"),
        (lambda f: (f / "clips" / "-x.mp4").write_text(""), "clips/-x.mp4 is no file of a submission's folder"),
        (lambda f: (f / "clips" / "more").mkdir(), "clips/more is no file of a submission's folder"),
        (lambda f: (f / "clips" / "other.mp4").write_bytes(b"x"), "clips/other.mp4 is of no clip that cells.json"),
        (lambda f: (f / "clips" / "astronaut.mp4").unlink(), "clips/astronaut.mp4 is not there"),
        (lambda f: (f / "scores.csv").unlink(), "scores.csv is not there"),
        (_linked, "scores.csv is a link, a folder or another thing that is no file"),
        (lambda f: os.mkfifo(f / "archive.zip"), "archive.zip is a link, a folder or another thing"),
        (_huge, "cells.json has 3,145,728 bytes; at most 2,097,152 may be there"),
        (_many_clips, "clips/ has 3,4"),
    ],
)
def test_files_that_may_not_be_there(edit: Callable[[Path], object], fault: str, folder: Path, hold: Hold) -> None:
    edit(folder)
    assert any(one.startswith(fault) for one in hold(folder).faults), hold(folder).faults
    with pytest.raises(UserError):
        accepted(folder.parent.parent, trials=True)


def test_a_folder_that_is_a_link_is_not_followed(folder: Path, hold: Hold) -> None:
    (folder.parent / "other").symlink_to(folder)
    with pytest.raises(UserError, match="is a link"):
        hold(folder.parent / "other")


def test_a_name_that_another_entry_has(folder: Path, hold: Hold) -> None:
    shutil.copytree(folder, folder.with_name("second"))
    assert (
        "entry.toml: name: 'rolling' is on the board already (in second/); say which one yours is"
        in hold(folder).faults
    )


def test_an_archive_in_the_folder_needs_no_address(folder: Path, submitted: Submitted, hold: Hold) -> None:
    shutil.copy(submitted.archive, folder / "archive.zip")
    fault = "archive.url: the archive lies in the folder, as archive.zip; leave one of them out"
    with pytest.raises(UserError, match=fault):
        accepted(folder.parent.parent)
    fill_in(folder, {ADDRESS: ""})
    assert hold(folder).faults == []
    assert [entry.slug for entry in accepted(folder.parent.parent, trials=True)] == ["rolling"]


def test_without_the_archive_it_says_what_could_not_be_checked(made: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    words = [sys.executable, "-m", "i2vbench", "leaderboard", "verify", made, "--json"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    *_, reason, unchecked = json.loads(done.stdout)["faults"]
    assert reason == "it may not go on a leaderboard, as it says itself: It is of the data set demo, not of msrvtt."
    assert unchecked.startswith("its archive was not looked at: whether scores, cells and clips are what was measured")
    assert "HF_HUB_OFFLINE forbids to fetch it" in done.stdout
