"""I2V-Bench: the paper's 2,951 clips in 17 categories (Table 4; its text says 2,950 in 16)."""

from __future__ import annotations

from pathlib import Path

from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import METADATA
from i2vbench.errors import UserError
from i2vbench.weights.places import cache_folder


def data_folder() -> Path:
    """Where the set is looked for, and brought to."""
    return cache_folder() / "data" / "i2v-bench"


class I2VBenchDataset(FolderDataset):
    """`i2v-bench`: the set in the cache folder, data/i2v-bench.

    Raises:
        UserError: If it is not there; in one line, with the ways to go on.
    """

    licence = "clips of YouTube, for research; see the ConsistI2V repository"
    protocol = "i2v-bench"

    def __init__(self) -> None:
        folder = data_folder()
        if not (folder / METADATA).is_file():
            raise UserError(
                f"the I2V-Bench data set is not in {folder}: `i2vbench data download i2v-bench` brings it from Google "
                "Drive, and with `--from FOLDER_OR_ARCHIVE` makes it of a copy that you have (docs/i2v-bench.md); "
                "--dataset demo needs no download"
            )
        super().__init__(str(folder))
        self.name = "i2v-bench"
        self.title = "I2V-Bench (Ren et al., Section 4)"
