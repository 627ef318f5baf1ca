"""Every mistake a user can make: one clear line, exit code 2, nothing half-written, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.annotate.page import make_proposed
from tests.conftest import Cli, environment, make_dataset

HEAVY = {"torch", "diffusers", "transformers", "pandas", "numpy", "av", "decord", "PIL", "jinja2", "fastapi", "uvicorn"}


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["run", "--help"],
        ["run", "--nonsense"],
        ["run", "--model", "statik"],
        ["run", "--model", "static", "--metrics", "flicker"],
        ["run", "--model", "static", "--dataset", "dmeo"],
        ["run", "--model", "static", "--reader", "opencv"],
        ["run", "--model", "static", "--first-frame", "generate:nowhere"],
        ["run", "--model", "consisti2v:no-frameinti"],
        ["run", "--model", "consisti2v", "--dtype", "int8"],
        ["generate", "--help"],
        ["generate", "--model", "statik", "--image", "dog.png", "--out", "dog.mp4"],
        ["generate", "--model", "consisti2v", "--image", "dog.png", "--out", "dog.avi"],
        ["profile", "--variants", "no-frameinti"],
        ["reproduce", "figure5"],
        ["table", "somewhere", "--format", "excel"],
        ["table", "somewhere", "--table", "3"],
        ["table", "paper", "--table", "14"],
        ["models"],
        ["data", "annotate", "--help"],
        ["data", "annotate", "demo"],
        ["human", "serve", "--out", "study", "--questions", "beauty"],
        ["weights"],
        ["weights", "fetch", "i3d_tat"],
    ],
)
def test_help_and_refusals_import_nothing_heavy(args: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['i2vbench', *{args!r}]\n"
        "from i2vbench.cli import main\n"
        "try: main()\n"
        f"finally: print('HEAVY', sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert "HEAVY []" in done.stderr, done.stderr


def test_help_of_every_command_has_text_for_every_option(cli: Cli) -> None:
    help_ = cli("run", "--help").stdout
    for option in ("--model", "--metrics", "--dataset", "--first-frame", "--out", "--limit", "--categories", "--seed",
                   "--device", "--batch-size", "--reader", "--resume", "--quiet", "--json"):  # fmt: skip
        assert option in help_
    for command in (
        "table",
        "show",
        "models",
        "metrics",
        "datasets",
        "adapter new",
        "adapter check",
        "data check",
        "data annotate",
    ):
        assert cli(*command.split(), "--help").returncode == 0


def refused(cli: Cli, *args: object, lines: int = 1) -> str:
    """Runs a command that is to be refused, and returns what it says."""
    done = cli(*args)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == lines, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("i2vbench: ")
    return done.stderr


RUN = ("run", "--device", "cpu", "--quiet", "--dataset", "demo", "--metrics", "temporal_flickering")
GPU = torch.cuda.is_available()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--model", "statik"], "did you mean static?"),
        (["--model", "static", "--metrics", "temporal_flicker"], "did you mean temporal_flickering?"),
        (["--model", "static", "--dataset", "dmeo"], "did you mean demo?"),
        (["--model", "static", "--dataset", "folder:nowhere"], "nowhere"),
        (["--model", "static", "--profile", "papre"], "paper"),
        (["--model", "static", "--categories", "Robots"], "Robots"),
        (["--model", "gone.py:Model"], "gone.py"),
        (["--model", "videos:nowhere"], "nowhere"),
        (["--model", "static", "--device", "tpu9"], "tpu9"),
        (["--model", "static", "--dtype", "int8"], "int8"),
        (["--model", "static", "--reader", "opencv"], "opencv"),
        ([], "--model"),
        (["--resume", "--out", "nowhere"], "nowhere is not a run"),
        (["--model", "static", "--resume"], "no run at"),
        (["--model", "static", "--out", ""], "--out"),
        (["--model", "static", "--device", "cuda"], "no such GPU") if not GPU else (["--model", "statik"], "static"),
    ],
)
def test_a_refused_run_writes_nothing(cli: Cli, tmp_path: Path, args: list[str], says: str) -> None:
    assert says in refused(cli, *RUN, *args)
    assert os.listdir(tmp_path) == []


def test_an_adapter_that_does_not_import_shows_its_own_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import os\n\nraise ValueError('bad day')\n")
    says = refused(cli, *RUN, "--model", "mine.py:Mine")
    assert "mine.py cannot be imported: line 3: ValueError: bad day" in says


MODEL = "from i2vbench.models.baselines import Static\nclass Mine(Static):\n"
METADATA = "file_name,id,category,prompt\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file_name,id,category\n", ["prompt"]),
        (METADATA + "clip-0.mp4,a,Pet,x\nclip-1.mp4,a,Pet,x\n", ["row 3", "'a'"]),
        (METADATA + "clip-0.mp4,../a,Pet,x\n", ["row 2", "../a"]),
        (METADATA + "gone.mp4,a,Pet,x\n", ["row 2", "gone.mp4"]),
        (METADATA + "clip-0.mp4,a,Pet,x\nclip-1.mp4,b,pet,x\n", ["row 3", "Pet"]),
        (METADATA + "../clip-0.mp4,a,Pet,x\n", ["row 2", "../clip-0.mp4"]),
    ],
)
def test_a_faulty_data_set_is_refused_with_its_rows(cli: Cli, tmp_path: Path, text: str, says: list[str]) -> None:
    data = make_dataset(tmp_path / "data", num_clips=2, num_images=0)
    (data / "metadata.csv").write_text(text)
    done = cli(*RUN, "--model", "static", "--dataset", f"folder:{data}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["data"]
    checked = cli("data", "check", data)
    assert checked.returncode == 1
    for words in says:
        assert words in checked.stdout


def test_data_check_of_a_good_folder(cli: Cli, tmp_path: Path) -> None:
    done = cli("data", "check", make_dataset(tmp_path / "data"))
    assert done.returncode == 0
    assert "is a valid data set" in done.stdout
    assert "note" not in done.stdout


def test_data_check_counts_the_prompts_that_nobody_has_checked(cli: Cli, tmp_path: Path) -> None:
    done = cli("data", "check", make_proposed(tmp_path / "data"))
    assert done.returncode == 0
    told = "note: 3 of 4 prompts were proposed by a machine and not checked; `i2vbench data annotate` shows them\n"
    assert told in done.stdout
    assert "is a valid data set" in done.stdout


def test_a_folder_that_holds_another_run(cli: Cli, tmp_path: Path, small_profile_file: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1)
    common = (*RUN, "--dataset", f"folder:{data}", "--profile", small_profile_file, "--model", "static", "--out", "run")
    assert cli(*common).returncode == 0
    says = refused(cli, *common, "--seed", "5", lines=2)
    assert "seeds: [0] there, [5] here" in says


def test_videos_of_the_wrong_number(cli: Cli, tmp_path: Path, small_profile_file: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=2, num_images=0)
    (tmp_path / "made").mkdir()
    (data / "clip-0.mp4").rename(tmp_path / "made" / "clip-0.mp4")
    (data / "metadata.csv").write_text(METADATA + "clip-1.mp4,clip-0,Pet,x\nclip-1.mp4,clip-1,Pet,x\n")
    says = refused(
        cli, *RUN, "--dataset", f"folder:{data}", "--profile", small_profile_file, "--model", "videos:made",
        "--metrics", "temporal_flickering", lines=2,
    )  # fmt: skip
    assert "missing: clip-1.mp4" in says
    assert "runs" not in os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import sys\nsys.exit(0)\n", "line 2: SystemExit"),
        ("class Mine: pass\n", "not a class derived from"),
        (MODEL + "    info = {}\n", "expected its info to be a ModelInfo, got dict"),
        (MODEL + "    def __init__(self): raise OSError('no weights')\n", "cannot be made: OSError: no weights"),
    ],
)
def test_an_adapter_that_cannot_be_made(cli: Cli, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    assert says in refused(cli, *RUN, "--model", "mine.py:Mine")
    assert says in refused(cli, "adapter", "check", "mine.py:Mine", "--device", "cpu")
    assert os.listdir(tmp_path) == ["mine.py"] or sorted(os.listdir(tmp_path)) == ["__pycache__", "mine.py"]


def test_a_data_set_that_cannot_list_its_samples(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(
        "from i2vbench.datasets.base import Dataset\nfrom i2vbench.types import *\n"
        "class Bad(Dataset):\n    name = 'bad'\n"
        "    def samples(self): return [Sample('a/b', 'Pet', '', FrameSource(Path('x')))]\n"
        "class Nameless(Dataset):\n    def samples(self): return []\n"
    )
    assert "expected a safe file name" in refused(cli, *RUN, "--model", "static", "--dataset", "sets.py:Bad")
    assert "expected its name" in refused(cli, *RUN, "--model", "static", "--dataset", "sets.py:Nameless")


def test_options_that_a_resumed_run_has_already(cli: Cli, tmp_path: Path, small_profile_file: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1)
    cli(*RUN, "--dataset", f"folder:{data}", "--profile", small_profile_file, "--model", "static", "--out", "run")
    assert "--seed" in refused(cli, "run", "--resume", "--out", "run", "--seed", "3")


def test_a_folder_that_is_no_run_is_left_alone(cli: Cli, tmp_path: Path, small_profile_file: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1)
    args = (*RUN, "--dataset", f"folder:{data}", "--profile", small_profile_file, "--model", "static", "--out", data)
    before = sorted(os.listdir(data))
    assert "no run.json" in refused(cli, *args)
    assert sorted(os.listdir(data)) == before


@pytest.mark.parametrize("command", [["table", "nowhere"], ["show", "nowhere"]])
def test_a_run_that_is_not_there(cli: Cli, command: list[str]) -> None:
    assert "nowhere is not a run" in refused(cli, *command)


def test_an_unknown_format_or_metric_of_a_table(cli: Cli, tmp_path: Path, small_profile_file: Path) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1)
    cli(*RUN, "--dataset", f"folder:{data}", "--profile", small_profile_file, "--model", "static", "--out", "run")
    assert "csv, latex, markdown, html" in refused(cli, "table", "run", "--format", "excel")
    assert "temporal_flickering" in refused(cli, "table", "run", "--metrics", "fvd")


@pytest.fixture
def small_disk(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A disk of 300 KB of its own; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def run_on(disk: Path, tmp_path: Path, profile: Path) -> list[object]:
    data = make_dataset(tmp_path / "data", num_clips=12, num_images=0)
    return [*RUN, "--dataset", f"folder:{data}", "--profile", profile, "--model", "static", "--model", "pan",
            "--out", disk / "run"]  # fmt: skip


def test_a_full_disk(cli: Cli, tmp_path: Path, small_disk: Path, small_profile_file: Path) -> None:
    args = run_on(small_disk, tmp_path, small_profile_file)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 100_000)
    says = refused(cli, *args)
    assert "No space left on device" in says or "disk is full" in says
    assert "run the same command" in says
    assert not list(small_disk.rglob("*.partial"))
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    done = cli(*args)
    assert done.returncode == 0, "mended, the same command goes on"


def test_a_read_only_disk(cli: Cli, tmp_path: Path, small_disk: Path, small_profile_file: Path) -> None:
    args = run_on(small_disk, tmp_path, small_profile_file)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "Read-only file system" in refused(cli, *args)


def test_a_folder_nobody_can_write_to(cli: Cli, tmp_path: Path, small_profile_file: Path) -> None:
    args = run_on(tmp_path / "file", tmp_path, small_profile_file)
    (tmp_path / "file").write_text("not a folder")
    assert "cannot be written to" in refused(cli, *args)
