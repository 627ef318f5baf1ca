"""`i2vbench human report`: the numbers in every form, who is left out, and studies that cannot be reported."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from i2vbench.human.study import Study, write_study
from i2vbench.human.votes import Response, Votes
from tests.cli.inside import Inside, call_inside
from tests.human.simulated import answer, chosen_models, drawn_responses, study_of, write_votes
from tests.latex import compile_latex, needs_pdflatex, too_large
from tests.tables.runs import RunSpec, make_run, sample

HOSTILE = "<script>alert(1)</script> & =1+1 | _x_ \\input{y} 100%"
FEW = ("--replicates", 400)
CLICKS = {"appearance": (0,), "motion": (0,)}


def clicker(rater: int, number: int) -> list[Response]:
    """A plain task and a check, in which the damaged video was chosen."""
    return [
        answer(rater, number, 0, (2, 1, 0), CLICKS),
        answer(rater, number + 1, 1, (0, 1, 2), CLICKS, "broken", broken=0),
    ]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(tmp_path, monkeypatch, capsys)


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    """Raters of two opinions, three of either, and five items; a seventh clicks."""
    study = study_of(items=6)
    said = [
        *((r, item, {"appearance": [0], "motion": [0, 1]}) for r in (1, 3, 5) for item in range(5)),
        *((r, item, {"appearance": [0, 1], "motion": [1]}) for r in (2, 4, 6) for item in range(5)),
    ]
    return write_votes(
        tmp_path / "study", study, [*chosen_models(study, said), *clicker(7, 1)], ["Ann", *[""] * 5, HOSTILE]
    )


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_shares_are_those_counted_by_hand_and_who_clicks_is_left_out(inside: Inside, counted: Path) -> None:
    done = inside("human", "report", *FEW, "study", "--format", "csv")
    assert (done.code, done.stderr.splitlines()[0]) == (0, "2 files in study/tables:")
    found = rows(counted / "tables" / "human.csv")
    assert [(r["model"], r["appearance_percent"], r["motion_percent"]) for r in found] == [
        ("calm", "100.00", "50.00"), ("lively", "50.00", "100.00"), ("odd", "0.00", "0.00"),
    ]  # fmt: skip
    assert {(r["responses"], r["raters"]) for r in found} == {("30", "6")}
    assert float(found[1]["low appearance_percent"]) < 50 < float(found[1]["high appearance_percent"])
    everybody = rows(counted / "tables" / "human-all-raters.csv")
    assert [r["appearance_percent"] for r in everybody] == ["96.77", "48.39", "3.23"]
    assert "1 of 1 rater with checks: <script>" in done.stdout
    assert "and more than 2 times as often as the median of the other raters" in done.stdout
    assert "(rater 7) was misled by the damaged video in 2 of 2 answers." in done.stdout
    assert "30 responses of 6 raters to 5 of the study's 6 items, 6 each." in done.stdout
    assert "Items: 3 of first frames of painter 0; 2 of first frames of painter 1." in done.stdout


def test_everybody_can_be_kept(inside: Inside, counted: Path) -> None:
    done = inside("human", "report", *FEW, "study", "--keep-all", "--json")
    found = json.loads(done.stdout)
    assert (found["responses"], found["raters"]) == (31, 7)
    shares = found["questions"][0]["shares"]
    assert shares["calm"]["value"] == pytest.approx(30 / 31)
    assert shares["calm"]["value"] == found["questions"][0]["shares_with_everybody_kept"]["calm"]
    assert [(c["rater"], c["broken_failed"], bool(c["failed"]), c["counts"]) for c in found["checks"]] == [
        *((rater, 0, False, True) for rater in range(1, 7)), (7, 2, True, True),
    ]  # fmt: skip
    assert any(note.startswith("Everybody is kept. Left out would be raters who") for note in found["notes"])
    assert not (counted / "tables").exists()


def test_the_page_may_be_running(inside: Inside, counted: Path) -> None:
    with Votes(counted) as votes:
        votes.allot(2, lambda _: answer(2, 6, 5, (0, 1, 2), {}).task)
        votes.save(2, 6, {"appearance": (2,), "motion": (2,)})
        assert (counted / "votes.sqlite-wal").stat().st_size > 0
        assert json.loads(inside("human", "report", *FEW, "study", "--json").stdout)["responses"] == 31


@pytest.fixture
def read_only(counted: Path) -> Iterator[Path]:
    try:
        subprocess.run(["mount", "--bind", counted, counted], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", counted], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount")
    yield counted
    subprocess.run(["umount", "-l", counted], check=True)


def test_the_folder_may_be_read_only(inside: Inside, read_only: Path, tmp_path: Path) -> None:
    assert inside("human", "report", *FEW, "study", "--out", "out", "--format", "csv").code == 0
    assert (tmp_path / "out" / "human.csv").is_file()
    assert list(read_only.glob("*-shm")) == []


def test_equal_votes_give_equal_files_in_which_text_is_text(inside: Inside, tmp_path: Path) -> None:
    study = study_of(models=("calm", HOSTILE, "odd"), categories=("Pet", HOSTILE), items=8)
    study = replace(study, questions=(replace(study.questions[0], id="../../up"), study.questions[1]))
    responses = [replace(r, chosen={"../../up": r.chosen["appearance"], "motion": r.chosen["motion"]})
                      for r in drawn_responses(study_of(items=8), 4, 8)]  # fmt: skip
    write_votes(tmp_path / "study", study, responses, [HOSTILE])
    for out in ("a", "b"):
        assert inside("human", "report", *FEW, "study", "--by-category", "--by-pair", "--out", f"out/{out}").code == 0
    files = sorted(path.name for path in (tmp_path / "out/a").iterdir())
    assert len(files) == 5 * 4
    assert {path.name for path in tmp_path.iterdir()} == {"study", "out"}
    for name in files:
        text = (tmp_path / "out/a" / name).read_text()
        assert text == (tmp_path / "out/b" / name).read_text()
        if not name.endswith(".csv"):
            assert "<script" not in text or name.endswith(".tex")
        assert r"\input{y}" not in text or not name.endswith(".tex")
        assert str(tmp_path) not in text


def test_categories_have_their_own_responses(inside: Inside, counted: Path) -> None:
    assert inside("human", "report", *FEW, "study", "--by-category", "--format", "csv").code == 0
    found = rows(counted / "tables" / "human-motion-categories.csv")
    assert [(r["category"], r["responses"], r["calm"]) for r in found] == [
        ("Pet", "18", "50.00"), ("Food", "12", "50.00"), ("All", "30", "50.00"),
    ]  # fmt: skip
    assert found[0]["low calm"] == ""  # 3 items
    assert found[2]["low calm"] != ""


def test_a_category_called_as_the_total_is_told_from_it(inside: Inside, tmp_path: Path) -> None:
    study = study_of(items=6, categories=("All", "Food"))
    first = {"appearance": [0], "motion": [0]}
    said = [(rater, item, first) for rater in (1, 2) for item in (0, 1, 2)]
    write_votes(tmp_path / "study", study, chosen_models(study, said))
    assert inside("human", "report", *FEW, "study", "--by-category", "--format", "csv").code == 0
    found = rows(tmp_path / "study" / "tables" / "human-motion-categories.csv")
    assert [(r["category"], r["responses"]) for r in found] == [("All", "4"), ("Food", "2"), ("All (total)", "6")]


def test_pairs_have_scores_and_who_is_preferred_to_whom(inside: Inside, tmp_path: Path) -> None:
    study = study_of("pairs", items=20)
    write_votes(tmp_path / "study", study, drawn_responses(study, 6, 20, quality=(1, 0, -1)))
    found = json.loads(inside("human", "report", *FEW, "study", "--json", "--by-pair").stdout)
    scores = {name: one["value"] for name, one in found["questions"][1]["scores"].items()}
    assert scores["calm"] > scores["lively"] > scores["odd"]
    preferred = found["questions"][1]["preferred"]
    assert preferred["calm"]["odd"]["value"] + preferred["odd"]["calm"]["value"] == pytest.approx(1)
    assert preferred["calm"]["odd"]["n"] == preferred["odd"]["calm"]["n"] > 0
    assert preferred["calm"]["calm"]["value"] is None
    done = inside("human", "report", *FEW, "study")
    assert "Krippendorff's alpha" in done.stdout
    assert "(ordinal;" in done.stdout


def test_the_papers_models_stand_beside_and_are_not_marked(inside: Inside, counted: Path) -> None:
    done = inside("human", "report", *FEW, "study", "--with-published", "--format", "csv,markdown")
    assert done.code == 0
    (line,) = (r for r in rows(counted / "tables" / "human.csv") if r["model"] == "ConsistI2V (paper)")
    assert (line["appearance_percent"], line["motion_percent"], line["responses"]) == ("53.62", "37.04", "1061")
    marked = [row for row in (counted / "tables" / "human.md").read_text().splitlines() if "**" in row or "<u>" in row]
    assert [row.split(" | ")[0] for row in marked] == ["| calm", "| lively"]


@needs_pdflatex
def test_latex_compiles_and_fits(inside: Inside, tmp_path: Path) -> None:
    names = ("ConsistI2V", "AnimateAnything", "DynamiCrafter", "I2VGen-XL", HOSTILE)
    tables = []
    for mode in ("choice", "pairs"):
        study = study_of(mode, models=names, items=30)  # type: ignore[arg-type]
        write_votes(tmp_path / mode, study, drawn_responses(study, 8, 20))
        published = ["--with-published"] if mode == "choice" else []
        out = tmp_path / f"{mode}-out"
        assert inside("human", "report", *FEW, mode, "--by-category", "--by-pair", *published, "--out", out).code == 0
        tables += [path.read_text() for path in sorted(out.glob("*.tex"))]
    assert too_large(compile_latex("\n\\clearpage\n".join(tables), tmp_path)) == []


def test_table_1_takes_its_human_columns_of_a_study(inside: Inside, tmp_path: Path) -> None:
    scores = {("clipsim", model): [0.25] * 2 for model in ("lively", "unasked")}
    make_run(
        tmp_path / "run", RunSpec([sample("a", "Pet"), sample("b", "Pet")], scores, ("lively", "unasked"), ("clipsim",))
    )
    study = study_of(items=6)
    said = [(rater, item, {"appearance": [1 + rater % 2], "motion": [1]}) for rater in range(1, 7) for item in range(5)]
    write_votes(tmp_path / "study", study, chosen_models(study, said))
    done = inside("table", "run", "--table", "1", "--human", "study", "--with-published", "--json")
    (table,) = json.loads(done.stdout)["tables"]
    found = {row["method"]: row for row in table["rows"]}
    cell = found["lively"]["human appearance_percent"]
    assert (cell["number"], "mark" in cell, "interval" in cell) == (50.0, False, False)
    letter = cell["footnotes"]
    (note,) = (note for note in table["notes"] if note.startswith(f"{letter}: "))
    assert "a human study of its own: 30 responses of 6 raters to 5 items (i2vbench" in note
    assert found["unasked"]["human appearance_percent"]["number"] is None
    done = inside(
        "table", "run", "--table", "1", "--human", "study", "--intervals", "--out", "out", "--format", "latex"
    )
    assert f"50.00%^{letter} [" in done.stdout
    assert "to 5 items, intervals over both (i2vbench" in done.stdout
    assert "unasked in Appearance (Human Eval: Consistency), Motion (Human Eval: Consistency): empty" in done.stdout
    assert inside("table", "run", "--human", "study").stderr.startswith("i2vbench: --human: needs the table")


def empty(folder: Path) -> Study:
    study = study_of()
    write_votes(folder, study, [answer(2, 1, 1, (0, 1, 2), {"appearance": (2,), "motion": (1,)}, "broken", broken=0)])
    return study


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("empty",), "the study has no responses yet (2 raters, 1 answers to checks): there is nothing to report"),
        (("new",), "new has no votes yet: it has no votes.sqlite"),
        (("nowhere",), "nowhere is not a study: it has no study.json"),
        (("clicked",), "all raters fail the checks: rater 1 was misled by the damaged video in 2 of 2 answers. --keep"),
        (("pairs", "--with-published"), "the paper counts choices among all models, and this study is of pairs"),
        (("text", "--with-published"), "the paper asks for appearance and motion, this study text"),
        (("empty", "--format", "excel"), "unknown format 'excel'"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    inside: Inside, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    empty(tmp_path / "empty")
    (tmp_path / "new").mkdir()
    write_study(tmp_path / "new", study_of())
    write_votes(tmp_path / "clicked", study_of(), clicker(1, 1))
    for name, study in (("pairs", study_of("pairs")), ("text", study_of(questions=("text",)))):
        write_votes(tmp_path / name, study, drawn_responses(study, 2, 3))
    done = inside("human", "report", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert words in done.stderr
