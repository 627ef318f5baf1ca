"""Curation from a plan to a data set: every stage says why, nothing is measured twice, what people wrote stays."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from i2vbench.annotate.store import Store as ProposalStore
from i2vbench.curation import command as curation
from i2vbench.curation.pipeline import STAGES
from i2vbench.curation.stage import MeasuringStage
from i2vbench.datasets.check import check_folder
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import read_folder
from i2vbench.errors import UserError
from i2vbench.progress import Quiet
from tests import processes
from tests.conftest import command, environment
from tests.curation.footage import DAMAGED, PLAN, write_footage, write_list


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with footage, a list, a plan, and the data set that was made of them, in `out`."""
    folder = tmp_path_factory.mktemp("curation")
    write_footage(folder / "footage")
    write_list(folder)
    (folder / "PLAN.toml").write_text(PLAN, encoding="utf-8")
    (folder / "said.txt").write_text(curate(folder), encoding="utf-8")
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to change."""
    return Path(shutil.copytree(made, tmp_path / "place"))


def curate(folder: Path, **options: object) -> str:
    return curation.run(folder / "PLAN.toml", folder / "out", Quiet(), device="cpu", **options).text  # type: ignore[arg-type]


def rows(folder: Path, stage: str) -> dict[str, str]:
    """Why each file's clip was left out by a stage, "" where it was kept; by the file's name."""
    (path,) = (folder / "out" / "stages").glob(f"*-{stage}.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return {Path(row["source"]).stem: row["reason"] for row in csv.DictReader(file)}


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "out" / "metadata.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith((".", "curation.sqlite", "lock"))
    }


STAGE_OF = {"static": "motion", "watermark": "text", "bars": "picture", "exposure": "picture", "upscaled": "picture"}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_damaged_is_left_out_by_its_stage(made: Path, kind: str) -> None:
    assert rows(made, STAGE_OF[kind])[kind].startswith(f"{kind}: ")


@pytest.mark.parametrize("name", ["too-small", "too-short", "damaged"])
def test_what_is_of_no_use_is_not_even_cut(made: Path, name: str) -> None:
    assert rows(made, "metadata")[name].startswith(f"{name.replace('-', ' ')}: ")
    assert name not in rows(made, "download")


def test_the_same_picture_is_there_once(made: Path) -> None:
    found = rows(made, "duplicates")
    assert sorted([found["good-0"], found["duplicate"]])[0] == ""
    assert sorted([found["good-0"], found["duplicate"]])[1].startswith("duplicate: it shows the same as ")


def test_a_video_with_two_shots_gives_two_clips(made: Path) -> None:
    clips = [row for row in table(made) if row["source"] == "footage/two-shots.mp4"]
    assert [(row["source_start"], row["source_end"]) for row in clips] == [("0", "2.9"), ("3.1", "6")]


def test_what_good_footage_gives_is_a_valid_data_set(made: Path) -> None:
    samples = FolderDataset(str(made / "out")).samples()
    sources = {row["source"] for row in table(made)}
    assert {"footage/good-2.mp4", "footage/two-shots.mp4"} <= sources
    assert not [name for name in DAMAGED if f"footage/{name}.mp4" in sources]
    assert check_folder(made / "out") == []
    assert all(sample.reference for sample in samples)
    assert all(row["sha256"] and row["bytes"] and row["frames"] for row in table(made))


def test_prompts_are_proposals_and_the_annotation_page_begins_with_them(made: Path, place: Path) -> None:
    assert {row["prompt_state"] for row in table(made)} == {"proposed"}
    assert all(row["prompt"].startswith("a ") for row in table(made)), "what the tiny captioner writes"
    assert "objects" not in table(made)[0], "no annotation before a person accepts it"
    assert "prompts were proposed by a machine" in read_note(made / "out")
    with ProposalStore(place / "out") as store, store._database.told() as db:
        kept = db.execute("SELECT count(*) FROM proposal").fetchone()[0]
    assert kept == len(table(made))


def read_note(folder: Path) -> str:
    data_set = FolderDataset(str(folder))
    data_set.samples()
    return data_set.note


def test_the_report_counts_kinds_and_categories(made: Path) -> None:
    said = (made / "said.txt").read_text(encoding="utf-8")
    assert "1 damaged, 1 too short, 1 too small" in said
    assert "Scenery-Nature" in said
    assert f"{len(table(made))} clips in " in said


def test_the_datasheet_and_the_sheets_are_there(made: Path) -> None:
    sheet = (made / "out" / "DATASHEET.md").read_text(encoding="utf-8")
    assert "curator@example.org" in sheet
    assert "1 watermark" in sheet
    assert str(made) not in sheet, "no path of this machine"
    index = (made / "out" / "contact" / "index.html").read_text(encoding="utf-8")
    assert "Scenery-Nature" in index
    assert (made / "out" / "PLAN.toml").read_text(encoding="utf-8") == PLAN


def test_the_plan_may_be_the_one_in_the_folder(place: Path) -> None:
    shutil.copytree(place / "footage", place / "out" / "footage")
    before = files(place / "out")
    outcome = curation.run(place / "out" / "PLAN.toml", place / "out", Quiet(), device="cpu", until="cut")
    assert "Up to the stage cut" in outcome.text
    curation.run(place / "out" / "PLAN.toml", place / "out", Quiet(), device="cpu")
    assert files(place / "out")["PLAN.toml"] == before["PLAN.toml"]
    assert set(files(place / "out")) == set(before)


def test_a_second_run_measures_nothing_and_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(place / "out")
    forbid_measuring(monkeypatch, but="metadata")  # the damaged file is looked at again
    curate(place)
    assert files(place / "out") == before


def test_a_changed_threshold_takes_effect_without_measuring(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_measuring(monkeypatch, but="metadata")
    plan = PLAN.replace("min_score = 3.0", "min_score = 9.9")
    assert plan != PLAN
    (place / "PLAN.toml").write_text(plan, encoding="utf-8")
    before = files(place / "out")
    said = curate(place, dry_run=True)
    assert "0 clips would remain" in said
    assert files(place / "out") == before, "a dry run writes nothing"
    said = curate(place)
    assert "No clip remains" in said
    assert all(reason.startswith("score: ") for reason in rows(place, "aesthetic").values())
    assert files(place / "out")["metadata.csv"] == before["metadata.csv"], "nothing is taken from people unasked"


def forbid_measuring(monkeypatch: pytest.MonkeyPatch, but: str = "") -> None:
    def refuse(self: MeasuringStage, todo: object) -> None:
        raise AssertionError(f"{self.name} measured again")

    for stage in STAGES:
        if issubclass(stage, MeasuringStage) and stage.name != but:
            monkeypatch.setattr(stage, "measure", refuse)


def test_a_dry_run_before_anything_was_measured_says_so(made: Path, tmp_path: Path) -> None:
    for name in ("footage", "list.csv", "PLAN.toml"):
        (tmp_path / name).symlink_to(made / name)
    said = curate(tmp_path, dry_run=True)
    assert f"{sum(1 for _ in (made / 'footage').iterdir())} not measured yet" in said
    assert not (tmp_path / "out").exists()


def test_what_a_person_wrote_stays(place: Path) -> None:
    first, second, *_ = table(place)
    path = place / "out" / "metadata.csv"
    text = path.read_text(encoding="utf-8")
    header, *lines = text.splitlines()
    assert header.startswith("file_name,id,category,prompt,prompt_state,")
    lines[0] = lines[0].replace(f"{first['prompt']},proposed", "a drum that rolls,checked")
    path.write_text("\n".join([header + ",objects", lines[0] + ",drum", *[line + "," for line in lines[1:]]]) + "\n")
    curate(place)
    now = {row["id"]: row for row in table(place)}
    assert (now[first["id"]]["prompt"], now[first["id"]]["prompt_state"]) == ("a drum that rolls", "checked")
    assert now[first["id"]]["objects"] == "drum"
    assert (now[second["id"]]["prompt"], now[second["id"]]["prompt_state"]) == (second["prompt"], "proposed")


def test_whatever_cell_a_person_changes_is_theirs_and_comes_back_with_its_clip(place: Path) -> None:
    """Though the prompt's state is left as it was, the clip leaves the set for a while, and columns are added."""
    first = min(table(place), key=lambda row: float(row["aesthetic"]))
    rewrite(place, first["id"], prompt="a drum", category="Music", notes="mine")
    curate(place)
    now = {row["id"]: row for row in table(place)}[first["id"]]
    assert (now["prompt"], now["prompt_state"], now["category"], now["notes"]) == ("a drum", "checked", "Music", "mine")
    (place / "PLAN.toml").write_text(PLAN.replace("min_score = 3.0", f"min_score = {float(first['aesthetic']) + 0.01}"))
    curate(place)
    assert first["id"] not in {row["id"] for row in table(place)}
    (place / "PLAN.toml").write_text(PLAN, encoding="utf-8")
    curate(place)
    assert {row["id"]: row for row in table(place)}[first["id"]] == now


def rewrite(place: Path, id_: str, **cells: str) -> None:
    """Change cells of a row of metadata.csv, as a spreadsheet would."""
    rows = [row | cells if row["id"] == id_ else row for row in table(place)]
    with open(place / "out" / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)


def test_a_clip_that_a_person_removes_stays_removed(place: Path) -> None:
    gone = table(place)[0]["id"]
    (place / "out" / "clips" / f"{gone}.mp4").unlink()
    rewrite(place, gone, missing="removed: asked for")
    for _ in range(2):
        curate(place)
        (missing,) = read_folder(place / "out").missing
        assert (missing.id, missing.reason) == (gone, "removed: asked for")
        assert not list((place / "out").rglob(f"{gone}*.mp4")), "not even where curation works"
    assert "removed: asked for" in (place / "out" / "stages" / "06-cut.csv").read_text(encoding="utf-8")
    rewrite(place, gone, missing="")
    curate(place)
    assert gone in {row["id"] for row in table(place)}, "a person can take that back"
    assert (place / "out" / "clips" / f"{gone}.mp4").is_file()


def test_no_file_is_deleted_that_curation_did_not_make(place: Path) -> None:
    mine = place / "out" / "clips" / "mine.mp4"
    shutil.copy(place / "footage" / "bars.mp4", mine)
    (place / "precious.mp4").write_bytes(b"precious")
    text = (place / "out" / "metadata.csv").read_text(encoding="utf-8")
    for id_ in ("../../precious", str(place / "precious")):
        row = f"clips/mine.mp4,{id_},Scenery-Nature,x" + "," * (len(text.splitlines()[0].split(",")) - 4)
        (place / "out" / "metadata.csv").write_text(text + row + "\n", encoding="utf-8")
        with pytest.raises(UserError, match="is not valid any more"):
            curate(place)
    (place / "out" / "metadata.csv").write_text(text, encoding="utf-8")
    curate(place)
    assert (place / "precious.mp4").exists()
    assert mine.exists()


@pytest.mark.parametrize("damage", [lambda t: t.replace(",", ";"), lambda t: t.replace("a ", "é ", 1)])
def test_a_table_that_cannot_be_read_is_not_written_over(place: Path, damage: Callable[[str], str]) -> None:
    path = place / "out" / "metadata.csv"
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="latin-1")
    before = path.read_bytes()
    with pytest.raises(UserError, match="what people wrote into it would be lost"):
        curate(place)
    assert path.read_bytes() == before


def test_a_clip_that_is_not_chosen_any_more_goes(place: Path) -> None:
    gone = table(place)[0]["id"]
    text = (place / "list.csv").read_text(encoding="utf-8")
    source = table(place)[0]["source"]
    (place / "list.csv").write_text("".join(line for line in text.splitlines(True) if source not in line))
    curate(place)
    assert gone not in [row["id"] for row in table(place)]
    assert not (place / "out" / "clips" / f"{gone}.mp4").exists()
    assert not list((place / "out" / "contact" / "thumbs").glob(f"{gone}*"))


def test_another_file_under_the_same_name_is_looked_at_anew(place: Path) -> None:
    shutil.copy(place / "footage" / "bars.mp4", place / "footage" / "good-2.mp4")
    curate(place)
    assert rows(place, "picture")["good-2"].startswith("bars: ")


def test_a_folder_with_other_things_is_refused(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="holds other things; name a new folder"):
        curation.run(place / "PLAN.toml", place / "mine", Quiet())
    assert [path.name for path in (place / "mine").iterdir()] == ["thesis.tex"]


def test_missing_checkpoints_are_told_before_any_work(place: Path) -> None:
    (place / "PLAN.toml").write_text(PLAN.replace('profile = "tiny"', 'profile = "paper"'), encoding="utf-8")
    shutil.rmtree(place / "out")
    with pytest.raises(UserError, match=r"--until text goes as far(?s:.*)raft_things(?s:.*)aesthetic_l14_mlp"):
        curate(place)
    assert not (place / "out" / "stages").exists()


def test_only_the_first_stages(place: Path) -> None:
    shutil.rmtree(place / "out")
    said = curate(place, until="shots")
    assert said.endswith("Up to the stage shots; without --until it goes on.")
    assert sorted(path.name for path in (place / "out").iterdir() if path.name[0] != ".") == ["stages"]
    assert not read_folder_exists(place / "out")


def read_folder_exists(folder: Path) -> bool:
    try:
        read_folder(folder)
    except UserError:
        return False
    return True


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "expected a plan and --out DIR"),
        (["PLAN.toml"], "expected a plan and --out DIR"),
        (["none.toml", "--out", "x"], "none.toml: no such file"),
        (["PLAN.toml", "--out", "x", "--until", "shot"], "--until 'shot': expected one of search, list"),
        (["PLAN.toml", "--out", "x", "--device", "gpu"], "--device 'gpu'"),
    ],
)
def test_mistakes_are_one_sentence(made: Path, args: list[str], said: str) -> None:
    found = processes.run(command("data", "curate", *args), cwd=made, env=environment())
    assert found.returncode == 2
    assert said in found.stderr
    assert "Traceback" not in found.stderr
    assert not (made / "x").exists()


def test_the_plan_to_begin_from_is_printed(tmp_path: Path) -> None:
    found = subprocess.run(
        command("data", "curate", "--print-plan"), env=environment(), capture_output=True, check=True
    )
    (tmp_path / "PLAN.toml").write_bytes(found.stdout)
    from i2vbench.curation.plan import load_plan

    assert load_plan(tmp_path / "PLAN.toml").name == "my-i2v-bench"
