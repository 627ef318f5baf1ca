"""`i2vbench data annotate`: what it refuses, and what it does without a page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from i2vbench.annotate import command
from i2vbench.annotate.command import Wish
from i2vbench.datasets.metadata import METADATA
from i2vbench.errors import UserError
from tests.annotate.page import Annotating, make_unannotated, words
from tests.annotate.start import Fake
from tests.cli.test_refusals import refused
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["demo"], "data set 'demo' cannot be annotated: annotations go into the metadata.csv of a folder"),
        (["i2v-bench"], "cannot be annotated"),
        (["nowhere"], "nowhere: no such folder"),
        (["folder:nowhere"], "nowhere: no such folder"),
        (["."], "has no metadata.csv"),
        (["data", "--categories", "Robots"], "unknown category 'Robots'; the data set has Pet, Food"),
        (["data", "--device", "tpu9"], "tpu9"),
        (["data", "--profile", "papre"], "unknown profile 'papre'"),
        (["data", "--no-proposals", "--propose-only"], "leave nothing to do"),
    ],
)
def test_what_is_refused(cli: Cli, tmp_path: Path, args: list[str], says: str) -> None:
    folder = make_unannotated(tmp_path / "data")
    before = sorted(path.name for path in folder.iterdir())
    assert says in refused(cli, "data", "annotate", *args)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_faulty_table_is_refused(cli: Cli, tmp_path: Path) -> None:
    folder = make_unannotated(tmp_path / "data")
    (folder / METADATA).write_text((folder / METADATA).read_text().replace("clip-1.mp4", "gone.mp4"))
    assert "does not exist" in refused(cli, "data", "annotate", "data", "--no-proposals", lines=2)


def test_a_port_that_is_taken_is_refused(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    first = Annotating(make_unannotated(tmp_path / "one" / "data"))
    try:
        make_unannotated(tmp_path / "data")
        said = refused(cli, "data", "annotate", "data", "--no-proposals", "--port", first.port)
        assert f"--port {first.port}: Address already in use; 0 takes any free one" in said
    finally:
        first.process.kill()
        first.process.communicate()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the system says of it: these tests may run as a user who may write anywhere."""
    folder = make_unannotated(tmp_path / "data")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != METADATA)
    with pytest.raises(UserError, match="metadata.csv cannot be written to, and annotations go there"):
        command.annotate(Wish(path=folder, propose_only=True), Fake())
    assert not list(folder.glob(".*"))


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    folder = make_unannotated(tmp_path / "data")
    try:
        subprocess.run(["mount", "--bind", folder, folder], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount")
    return folder


def test_a_read_only_folder(cli: Cli, read_only: Path) -> None:
    try:
        assert f"{read_only} cannot be written to" in refused(cli, "data", "annotate", read_only, "--no-proposals")
    finally:
        subprocess.run(["umount", "-l", read_only], check=True)


def test_proposing_alone_writes_no_annotation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], small_profile_file: Path
) -> None:
    folder = make_unannotated(tmp_path / "data")
    table = (folder / METADATA).read_bytes()
    (folder / "clip-2.mp4").write_bytes(b"no video")
    wish = Wish(path=folder, profile=str(small_profile_file), device="cpu", categories=("Pet",), propose_only=True)
    proposer = Fake()
    assert command.annotate(wish, proposer) == 1
    said = capsys.readouterr()
    assert "1/3 clip-0: proposed" in said.err
    assert "2/3 clip-2: " in said.err
    assert "2 clips have proposals, 1 could not be looked at" in said.out
    assert (folder / METADATA).read_bytes() == table
    proposer.propose = None  # type: ignore[method-assign, assignment]
    assert command.annotate(wish, proposer) == 1, "what was proposed is not proposed again"


def test_without_proposals_words_are_given_by_hand(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    folder = make_unannotated(tmp_path / "data")
    page = Annotating(folder, "--no-proposals", "--limit", "2", command=("i2vbench", "data", "annotate"))
    try:
        assert page.clip(0)["proposal"] == {"state": "off", "reason": ""}
        assert [clip["id"] for clip in page.ask("clips").json["clips"]] == ["clip-0", "clip-1"]
        assert page.decide(0, "annotate", "dog", "park").status == 200
        assert words(folder)["clip-0"] == (("dog",), "park")
        code, output, errors = page.end()
        assert (code, errors.count("\n")) == (130, 1), errors
        assert "Clips with words: 1 of 2; left: 1." in output
    finally:
        page.process.kill()
