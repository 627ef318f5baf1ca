"""Archives whose every hash fits and whose contents are not so: each is found, named, and nothing of it is run."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.leaderboards.submission.archive import Refused
from i2vbench.leaderboards.submission.report import Report
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.submission.archives import Edit, Parts, as_lines, at, of_json, of_line, of_lines, text
from tests.leaderboards.submission.conftest import Change, Look

FLICKERING = "temporal_flickering"


def test_an_archive_that_nobody_changed_holds(look: Look, submitted: Submitted) -> None:
    report = look(submitted.bare.read_bytes())
    assert report.verified, report.faults
    assert any("nothing was measured again" in note for note in report.notes)


def test_without_videos_it_is_not_verified(look: Look, submitted: Submitted) -> None:
    report = look(submitted.bare.read_bytes(), recompute_only=False)
    assert report.faults == [
        "nothing was measured again: that its tables follow from its measurements says nothing of whether these are "
        "true. The archive has no videos: name their folder (--videos), or --recompute-only"
    ]


def test_a_run_that_may_not_go_on_a_board_is_a_fault_unless_that_is_known(look: Look, submitted: Submitted) -> None:
    report = look(submitted.bare.read_bytes(), anyway=False)
    assert report.faults == [
        "it may not go on a leaderboard: It was made under the profile tiny. These numbers are not comparable with "
        "published ones.",
        "it may not go on a leaderboard: Its data set is demo; there are leaderboards of i2v-bench, ucf101, msrvtt.",
    ]


def is_done(model: str | None, metric: str) -> Callable[[Any], bool]:
    return lambda line: (line["model"], line["metric"], line["state"]) == (model, metric, "done")


STILL = is_done("static", FLICKERING)


def put(**values: Any) -> Callable[[Any], None]:
    return lambda line: line.update(values)


def of_first_feature(name: str) -> Edit:
    def edit(parts: Parts) -> None:
        array = np.load(io.BytesIO(parts[name]))
        array[0, ..., 0] += 1
        file = io.BytesIO()
        np.save(file, array)
        parts[name] = file.getvalue()

    return edit


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (
            of_line("measurements.jsonl", is_done("rolling", FLICKERING), put(value=0.5)),
            f"tables/{FLICKERING}.csv, row {FLICKERING}/",
        ),
        (text(f"tables/{FLICKERING}.csv", ",3,", ",2,"), "column n: '2' there, its measurements make '3'"),
        (text("tables/summary.csv", "rolling,3,", "rolling,3,9"), "tables/summary.csv, row rolling, column "),
        (text("tables/summary.csv", "rolling", "moving"), "column model: 'moving' there, its measurements make 'rolli"),
        (text("tables/clips.csv", ",done,", ",failed,"), "column state: 'failed' there, its measurements make 'done'"),
        (text("tables/fid.md", "FID", "fid"), "tables/fid.md is not what its measurements make"),
        (text("tables/fid.tex", "FID", "fid"), "tables/fid.tex is not what its measurements make"),
        (
            text("tables/tables.html", "</body>", "<script>1</script></body>"),
            "tables/tables.html is not what its measurements make: do not open it",
        ),
        (lambda parts: parts.pop("tables/kid.csv"), "tables/kid.csv is not in the archive"),
        (lambda parts: parts.update({"tables/more.csv": b"x\n"}), "tables/more.csv: its measurements make no table"),
        (lambda parts: parts.update({"tables/fid.csv": b'"\n'}), "tables/fid.csv is no CSV file"),
        (lambda parts: parts.update({"tables/fid.csv": b"x" * (4 << 20)}), "tables/fid.csv is not what its measu"),
        (of_first_feature("features/fid/models/rolling.npy"), "tables/fid.csv, row fid/All, column rolling: "),
        (of_first_feature("features/fvd/real.npy"), "tables/fvd.csv, row fvd/All, column rolling: "),
        (of_json("run.json", at("dataset", "fingerprint", to="0" * 64)), "says another dataset than run.json"),
        (of_json("run.json", at("dataset", "samples", to=4)), "run.json states 4 samples; samples.jsonl has 3"),
        (of_json("run.json", at("dtype", to="bfloat16")), "tables/fid.md is not what its measurements make"),
        (
            of_json("run.json", at("metrics", "fid", "info", "direction", to="higher")),
            "run.json says other facts of fid than i2vbench does: direction",
        ),
        (
            of_json("run.json", at("metrics", "fid", "checkpoints", to={"other": "0" * 64})),
            "run.json: fid looked through other, where its profile names tiny_inception",
        ),
        (
            of_json("run.json", at("profile", "checkpoints", "fid", to=["nonsense"])),
            "run.json: fid: unknown checkpoint 'nonsense'",
        ),
        (
            of_json("run.json", at("models", "rolling", "source_sha256", to="0" * 64)),
            "adapters/rolling/source.py is not the file that run.json names for rolling",
        ),
        (
            lambda parts: parts.pop("adapters/rolling/source.py"),
            "the source of the adapter of rolling is not in the archive",
        ),
        (
            lambda parts: parts.update({"adapters/else/source.py": b"print(1)"}),
            "adapters/else/source.py is of no model of the run",
        ),
        (lambda parts: parts.update({"adapters/static/source.py": b"\xff\0"}), "adapters/static/source.py is no text"),
        (
            of_line("clips.jsonl", lambda line: line["model"] == "rolling", put(request_seed=4)),
            "of rolling was asked for with the seed 4; seed 0 makes it ",
        ),
        (of_line("samples.jsonl", lambda line: True, put(prompt="another")), "has another prompt than in the data set"),
        (of_line("samples.jsonl", lambda line: True, put(category="Pet")), "has another category than in the data set"),
        (of_json("manifest.json", at("reasons", to=[])), "says otherwise than `leaderboard check`"),
        (of_json("manifest.json", at("seeds", to=[1])), "manifest.json says another seeds than run.json"),
        (of_json("manifest.json", at("videos", "count", to=5)), "states another number or size of videos"),
        (
            lambda parts: parts.update({"videos/static/a-seed0.mp4": b"\0\0\0\x14ftypisom"}),
            "videos/static/a-seed0.mp4 is a video of no clip",
        ),
    ],
)  # fmt: skip
def test_what_is_not_so_is_a_fault(look: Look, changed: Change, edit: Edit, fault: str) -> None:
    report = look(changed(edit))
    assert any(fault in line for line in report.faults), report.faults


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (of_lines("clips.jsonl", lambda line: line["sample"] != "astronaut"), "expected the clip astronaut of static"),
        (lambda parts: parts.update({"clips.jsonl": parts["clips.jsonl"] * 2}), "is not in the plan"),
        (of_lines("measurements.jsonl", lambda line: line["metric"] != "fid"), "rows, of which records name 0"),
        (
            lambda parts: parts.update({"measurements.jsonl": parts["measurements.jsonl"] * 2}),
            "a second record of this clip and metric",
        ),
        (of_line("measurements.jsonl", STILL, put(value=1.5)), "1.5 of temporal_flickering li"),
        (of_line("measurements.jsonl", STILL, put(value=None)), "neither number nor features"),
        (of_line("measurements.jsonl", STILL, put(metric="x")), "a metric that run.json does "),
        (of_line("measurements.jsonl", STILL, put(sample="x")), "of a sample that is not there"),
        (of_line("measurements.jsonl", STILL, put(seed=9)), "of a clip that is not in the plan"),
        (of_line("measurements.jsonl", STILL, put(more=1)), "expected the fields metric, model"),
        (of_line("measurements.jsonl", STILL, put(state="great")), "state of another kind"),
        (of_line("measurements.jsonl", STILL, put(sample="../x")), "sample of another kind"),
        (of_line("measurements.jsonl", STILL, put(value=True)), "value of another kind"),
        (of_line("measurements.jsonl", STILL, put(details={"brought": "x"})), "line 1: details say that"),
        (of_line("measurements.jsonl", STILL, put(reason="x")), "a reason stands with what fai"),
        (of_line("measurements.jsonl", is_done("rolling", "fid"), put(features=2)), "row 2 of features/fid/models/rol"),
        (text("measurements.jsonl", '"value":', '"value":NaN,"x":'), "is not finite"),
        (text("measurements.jsonl", '"value":', '"value":1e999,"x":'), "is not finite"),
        (text("measurements.jsonl", '"seed":', '"seed":' + "9" * 30 + ',"x":'), "is too large"),
        (text("measurements.jsonl", '"seed":', '"seed":' + "9" * 5000 + ',"x":'), "is too large"),
        (text("measurements.jsonl", '"seed":0', '"seed":0,"seed":0'), "a name stands twice"),
        (text("measurements.jsonl", '"details":{', '"details":{"x":' + "[" * 100_000), "line 1: "),
        (text("measurements.jsonl", '"details":{', '"details":{"x":' + "[" * 50 + "]" * 50 + ","), "nested more than"),
        (text("measurements.jsonl", '"details":{', '"details":{"x":"\\ud800",'), "surrogates not allowed"),
        (text("measurements.jsonl", "{", "{" + " " * (9 << 20)), "a line of more than"),
        (lambda parts: parts.update({"measurements.jsonl": parts["measurements.jsonl"][:-1]}), "last line does not en"),
        (lambda parts: parts.pop("measurements.jsonl"), "measurements.jsonl is not in the archive"),
        (lambda parts: parts.pop("run.json"), "run.json is not in the archive"),
        (lambda parts: parts.update({"samples.jsonl": parts["samples.jsonl"] * 2}), "ids that stand there more"),
        (lambda parts: parts.pop("features/fvd/real.npy"), "features/fvd/real.npy, are not in the archive"),
        (
            lambda parts: parts.update({"features/kid/real.npy": parts["features/fid/real.npy"]}),
            "features/kid/real.npy has 2 rows, of which records name 0",
        ),
        (
            lambda parts: parts.update({"features/mine/real.npy": parts["features/fid/real.npy"]}),
            "features/mine/real.npy is of no built-in metric and model of the run",
        ),
        (of_json("run.json", at("seeds", to=[0, 1])), "expected the clip"),
        (of_json("run.json", at("seeds", to=[-1])), "seeds of another kind"),
        (of_json("run.json", at("seeds", to=[])), "seeds is missing or of another kind"),
        (of_json("run.json", at("device", to="auto")), "device of another kind"),
        (of_json("run.json", at("reader", "name", to="mine")), "reader of another kind"),
        (of_json("run.json", at("profile", "protocol", "num_frames", to=10**8)), "profile of another kind"),
        (of_json("run.json", at("profile", "protocol", "height", to=10**6)), "profile of another kind"),
        (of_json("run.json", at("profile", "checkpoints", "fid", to=[["x"]])), "profile of another kind"),
        (of_json("run.json", at("models", "rolling", "batch_size", to=0)), "models of another kind"),
        (of_json("run.json", at("models", "rolling", "info", to=[])), "is damaged"),
        (of_json("run.json", at("models", to={})), "models of another kind"),
        (of_json("run.json", at("format", to=9)), "layout 9"),
        (of_json("run.json", at("metrics", to={})), "metrics is missing or of another kind"),
        (of_json("run.json", at("metrics", "fid", "spec", to="/x/fid.py:FID")), "features/fid/models/rolling"),
        (of_json("manifest.json", at("format", to=2)), "layout 2; this version reads layout 1"),
        (of_json("manifest.json", at("kind", to="x")), "not that of a submission"),
        (of_json("manifest.json", at("seeds", to="x")), "a part is missing, unknown or of another kind"),
        (of_json("manifest.json", at("more", to="x")), "a part is missing, unknown or of another kind"),
    ],
)  # fmt: skip
def test_what_no_run_writes_is_refused(look: Look, changed: Change, edit: Edit, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        look(changed(edit))


def _npy(array: np.ndarray[Any, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("pickled"),)


def _shaped(shape: str, contents: bytes = b"") -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + (len(head) + 1).to_bytes(2, "little") + head + b"\n" + contents


@pytest.mark.parametrize(
    "contents",
    [
        _npy(np.array([Evil(), Evil()], dtype=object)),
        _npy(np.zeros((2, 16, 256), "<f4")[..., ::-1].T),
        _npy(np.zeros((2, 16, 256), ">f4")),
        _npy(np.zeros((2, 256), "<f2")),
        _npy(np.zeros((2, 256), "<i8")),
        _npy(np.zeros((2, 2, 16, 256), "<f4")),
        _npy(np.zeros(2, "<f4")),
        _npy(np.zeros((2, 5000), "<f4")),
        _npy(np.zeros((0, 256), "<f4")),
        _npy(np.zeros((2, 256), "<f4"), version=(2, 0)),
        _npy(np.zeros((2, 256), "<f4"))[:-4],
        _npy(np.zeros((2, 256), "<f4")) + b"more",
        _npy(np.full((2, 256), np.nan, "<f4")),
        _npy(np.full((2, 256), np.inf, "<f4")),
        _shaped("(99999999, 16, 4096)"),
        _shaped("(10**9, 256)"),
        _shaped("(__import__('os').system('touch pickled'), 256)"),
        b"\x93NUMPY\x01\x00\xff\xff{",
    ],
    ids=range(18),
)
def test_features_are_plain_rows_of_numbers(
    look: Look, changed: Change, contents: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match=r"features/fid/models/rolling\.npy"):
        look(changed(lambda parts: parts.update({"features/fid/models/rolling.npy": contents})))
    assert not (tmp_path / "pickled").exists()


MARKUP = "<script>alert(1)</script>\x1b[31m\u202e & ![x](http://x)"


def _marked(parts: Parts) -> None:
    """Markup wherever a text can stand."""
    name = f"rolling{MARKUP}".replace("\x1b", "")
    data = json.loads(parts["run.json"])
    data["models"][name] = data["models"].pop("rolling")
    data["dataset"]["note"] = data["models"][name]["info"]["title"] = MARKUP
    parts["run.json"] = json.dumps(data).encode()
    for member in ("clips.jsonl", "measurements.jsonl"):
        lines = [json.loads(line) for line in parts[member].splitlines()]
        for line in lines:
            line["model"] = name if line["model"] == "rolling" else line["model"]
            if line["model"] == name and member == "clips.jsonl":
                line.update(state="failed", reason=MARKUP, sha256=None, bytes=None)
        kept = [line for line in lines if member == "clips.jsonl" or line["model"] != name]
        parts[member] = as_lines(kept)
    samples = [json.loads(line) for line in parts["samples.jsonl"].splitlines()]
    parts["samples.jsonl"] = as_lines(
        [line | {"prompt": MARKUP, "scene": MARKUP, "objects": [MARKUP]} for line in samples]
    )
    for member in [member for member in parts if member.startswith("features") and "rolling" in member]:
        del parts[member]


def test_markup_is_text_in_the_report_and_in_our_tables(look: Look, changed: Change, tmp_path: Path) -> None:
    report: Report = look(changed(_marked))
    assert not report.verified
    assert any("another prompt" in fault for fault in report.faults)
    tables = tmp_path / "room" / "tables"
    page = (tables / "tables.html").read_text()
    assert "<script>alert" not in page
    assert "\x1b" not in page + (tables / "fid.md").read_text() + (tables / "clips.csv").read_text()
    assert "](http" not in (tables / "fid.md").read_text().replace("\\](http", "").replace("\\]\\(http", "")


def test_a_great_many_faults_are_counted_in_print_and_all_in_json() -> None:
    report = Report(archive="a.zip", sha256="0" * 64, faults=[f"fault {number}" for number in range(1200)])
    lines = list(report.lines())
    assert lines[-2:] == ["FAULT: and 1,100 more; --json lists all of them", "Not verified: 1,200 faults."]
    assert len(report.as_dict()["faults"]) == 1200
