"""What makes two runs the same run: anything that decides a number, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.profiles import load_profile
from i2vbench.progress import Quiet
from i2vbench.run import run
from i2vbench.run_file import read_settings
from i2vbench.settings import config_of, merge_settings
from i2vbench.types import FrameSource, Sample
from tests import parts
from tests.conftest import Go
from tests.parts import FailsOnOne, Noise


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"seeds": (1,)}, "seeds: [0] there, [1] here"),
        ({"limit": 2}, "selection.limit: None there, 2 here"),
        ({"profile": "paper"}, "profile.name: 'small' there, 'paper' here"),
        ({"batch_size": 2}, "batch_size: 8 there, 2 here"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_a_folder_of_another_configuration_is_refused(go: Go, options: dict[str, object], difference: str) -> None:
    outcome = go([Noise])
    before = (outcome.folder / "run.json").read_text()
    with pytest.raises(UserError, match="another configuration") as refusal:
        go([Noise], **options)
    assert difference in str(refusal.value)
    assert (outcome.folder / "run.json").read_text() == before


def test_a_data_set_may_move(go: Go, data: Path, tmp_path: Path) -> None:
    folder = go([Noise]).folder
    moved = data.rename(tmp_path / "elsewhere")
    assert go([Noise], dataset=f"folder:{moved}").failed == 0
    assert run(config_of(folder), Quiet()).failed == 0, "and the run knows where"


def test_categories_are_the_same_however_they_are_given(go: Go) -> None:
    go([Noise], categories=("Pet,Food",))
    assert go([Noise], categories=("Food", "Pet")).failed == 0


def test_a_data_set_that_changed_is_refused(go: Go, data: Path) -> None:
    go([Noise])
    text = (data / "metadata.csv").read_text()
    (data / "metadata.csv").write_text(text.replace("clip number 2", "clip number two"))
    with pytest.raises(UserError, match=r"dataset\.fingerprint"):
        go([Noise])


def test_prompts_may_be_checked_amid_a_run(go: Go, data: Path) -> None:
    table = data / "metadata.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},prompt_state", *(f"{line},proposed" for line in lines[1:]), ""]))
    said = "6 of 6 prompts were proposed by a machine and not checked"
    assert read_settings(go([Noise]).folder)["dataset"]["note"] == said
    table.write_text(table.read_text().replace("proposed", "checked", 5))
    said = "1 of 6 prompts was proposed by a machine and not checked"
    assert read_settings(go([Noise]).folder)["dataset"]["note"] == said
    table.write_text(table.read_text().replace("proposed", "checked"))
    assert "note" not in read_settings(go([Noise]).folder)["dataset"]


def test_a_package_of_another_version_is_refused() -> None:
    before = {"versions": {"numpy": "2.0", "av": "18"}, "models": {}, "metrics": {}}
    with pytest.raises(UserError, match=r"versions\.numpy: '2\.0' there, '2\.1' here"):
        merge_settings(before, {**before, "versions": {"numpy": "2.1", "av": "18"}})


def test_videos_made_elsewhere_are_part_of_the_configuration(go: Go, tmp_path: Path, data: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for i in range(5):
        (made / f"clip-{i}.mp4").write_bytes((data / f"clip-{i}.mp4").read_bytes())
    (made / "image-0.mp4").write_bytes((data / "clip-0.mp4").read_bytes())
    assert go([f"videos:{made}"]).failed == 0
    (made / "clip-0.mp4").write_bytes((data / "clip-1.mp4").read_bytes())
    with pytest.raises(UserError, match=r"models\.made: its files \(a checkpoint, or videos\) have changed since"):
        go([f"videos:{made}"])


def test_the_same_things_named_otherwise_are_the_same(go: Go, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go([Noise])
    monkeypatch.chdir(data)
    assert go([Noise], dataset="folder:.").failed == 0


def test_a_data_set_of_any_kind_is_held_to_its_ids(go: Go) -> None:
    with pytest.raises(UserError, match="ids that stand there more than once: same"):
        go([Noise], dataset=f"{parts.__file__}:Doubled")
    with pytest.raises(UserError, match="'Pet' and 'pet' differ only in case"):
        go([Noise], dataset=f"{parts.__file__}:TwoSpellings")
    with pytest.raises(ValueError, match="safe file name"):
        Sample("../../x", "Pet", "", FrameSource(Path("x")))


def test_two_models_of_one_name_are_refused(go: Go) -> None:
    with pytest.raises(UserError, match="both called 'noise'"):
        go([Noise, FailsOnOne])


def test_resume_wants_a_run(go: Go) -> None:
    with pytest.raises(UserError, match="no run at"):
        go([Noise], resume=True)


def test_run_json_says_what_decides_the_numbers(go: Go, small_profile_file: Path) -> None:
    settings = json.loads((go([Noise]).folder / "run.json").read_text())
    assert settings["profile"] == json.loads(json.dumps(load_profile(str(small_profile_file)).as_dict()))
    assert settings["versions"].keys() >= {"python", "torch", "numpy", "av", "pillow"}
    assert settings["reader"]["name"] == "pyav"
    assert settings["reader"]["version"].startswith("pyav ")
    assert len(settings["dataset"]["fingerprint"]) == 64
    assert len(settings["models"]["noise"]["source_sha256"]) == 64
    assert (settings["device"], settings["dtype"], settings["seeds"]) == ("cpu", "float32", [0])
