"""The files: of the right type, the same bytes every time, and nothing of the process changed."""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from i2vbench.errors import UserError
from i2vbench.figures import drawings, write_figures
from i2vbench.figures.style import render
from tests.conftest import ROOT
from tests.figures.made import made

COLUMN = 8.25 * 72 / 2.54
NAMES = ["static", "$x$ & <b>--></b>", "图像模型"]

HASHES = """
import hashlib, sys
from i2vbench.figures import drawings
from i2vbench.figures.style import render
from tests.figures.made import made
series = made(["static", "pan", "$x$"])
for pair in sys.argv[1:]:
    name, format_ = pair.split(".")
    draw = dict(drawings(series, name.split("-")[0], 238.0))[name]
    print(pair, hashlib.sha256(render(draw(), format_)).hexdigest())
print("matplotlib.pyplot" in sys.modules)
"""


def scatter(format_: str) -> bytes:
    return render(dict(drawings(made(NAMES), "scatter", COLUMN))["scatter"](), format_)


def test_a_pdf_has_fonts_that_publishers_take_and_no_date() -> None:
    data = scatter("pdf")
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    everything = data + b"".join(_inflated(data))
    assert b"/CIDFontType2" in everything or b"/TrueType" in everything
    assert b"/Type3" not in everything
    assert b"CreationDate" not in everything
    assert b"matplotlib" not in everything.lower()


def test_an_svg_is_xml_whatever_models_are_called_and_needs_no_font() -> None:
    data = scatter("svg")
    root = ET.fromstring(data)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(COLUMN, abs=0.01)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not names & {"text", "script", "image", "b", "date"}


def test_a_png_has_the_size_in_print_that_was_asked_for() -> None:
    image = Image.open(io.BytesIO(scatter("png")))
    assert image.width == pytest.approx(8.25 / 2.54 * 300, abs=1)
    assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert "Software" not in image.info


def test_in_grey_print_models_of_a_radar_are_still_lines_on_white() -> None:
    draw = dict(drawings(made(["a", "b", "c", "d", "e"]), "radar", COLUMN))["radar"]
    grey = np.asarray(Image.open(io.BytesIO(render(draw(), "png"))).convert("L"))
    legend = draw().artists[::2]  # lines; their marks are the others
    assert len(legend) == 5
    found = []
    for line in legend:
        x, y = line.get_xdata(), line.get_ydata()[0]  # type: ignore[attr-defined]
        row = grey.shape[0] - 1 - round(y * 300 / 72)
        dark = grey[row - 1 : row + 2, round((x[0] + 1) * 300 / 72) : round((x[0] + 7) * 300 / 72)]
        found.append(int(dark.min()))
    assert all(later - earlier > 12 for earlier, later in itertools.pairwise(found)), found
    assert found[-1] < 190


def test_processes_with_other_hashes_and_settings_write_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\npdf.fonttype: 3\nsavefig.bbox: tight\naxes.grid: True\n")
    outputs = []
    for seed, config in (("1", None), ("2", tmp_path)):
        more = {"MATPLOTLIBRC": str(config)} if config else {}
        env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, **more}
        command = [sys.executable, "-c", HASHES, "histograms-dynamic_degree.pdf", "radar.svg", "heatmap-fvd.png"]
        outputs.append(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert outputs[0] == outputs[1]
    assert outputs[0].split()[-1] == "False", "pyplot was imported"
    assert len(set(re.findall("[0-9a-f]{64}", outputs[0]))) == 3


def test_settings_of_the_process_are_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    scatter("svg")
    assert dict(matplotlib.rcParams) == before


def test_what_cannot_be_drawn_is_told_and_the_rest_is_written(tmp_path: Path) -> None:
    series = made(["a"]).of_metrics(["fvd", "dynamic_degree"])
    written = write_figures(series, tmp_path / "new", (), ["svg"], COLUMN)
    names = [path.name for path in written.files]
    assert names == ["heatmap-fvd.svg", "heatmap-dynamic_degree.svg", "histograms-dynamic_degree.svg"]
    assert all(path.is_file() for path in written.files)
    assert [reason.split(" ")[1] for reason in written.left_out] == ["radar", "scatter", "a"]
    assert written.left_out[-1] == "histograms-fvd: a histogram has nothing to show: no clip has a score of its own"


def test_a_kind_that_is_asked_for_must_give_something(tmp_path: Path) -> None:
    series = made(["a"]).of_metrics(["fvd", "dynamic_degree"])
    with pytest.raises(UserError, match="a radar needs at least 3 metrics"):
        write_figures(series, tmp_path, ["heatmap", "radar"], ["svg"], COLUMN)


def test_a_folder_that_cannot_be_made_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"the figures cannot be written to .*; name a folder with --out"):
        write_figures(made(["a"]), tmp_path / "file" / "figures", ["radar"], ["png"], COLUMN)


def _inflated(data: bytes) -> list[bytes]:
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return found
