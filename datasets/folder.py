"""A folder of clips with a metadata.csv beside them: the data set anyone can make.

metadata.py says what the columns are. A folder may be checked to the last frame with `i2vbench data check PATH`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from i2vbench.datasets.base import Dataset, fingerprint_samples
from i2vbench.datasets.csv_table import told
from i2vbench.datasets.metadata import METADATA, Contents, Missing, Row, read_folder
from i2vbench.errors import UserError
from i2vbench.types import Sample


class FolderDataset(Dataset):
    """`folder:PATH`: the clips and pictures that PATH/metadata.csv names.

    A video is a sample whose first frame (of the section from `start` to `end` seconds) is the picture shown to the
    model; an image is a sample without a reference clip. `fps` is kept in `Sample.fps` for information: frames are
    taken by the times in the file.

    Args:
        path: The folder. Nothing is read until `samples()`.

    Raises:
        UserError: If the path is empty.
    """

    licence = "as the owner of the folder states"

    def __init__(self, path: str) -> None:
        if not path.strip():
            raise UserError("data set folder: expected the path of a folder, folder:PATH")
        # The shell does not expand the ~ of folder:~/clips.
        self.path = self.folder = Path(os.path.abspath(os.path.expanduser(path)))
        self.name = self.path.name or "folder"
        self.title = f"the clips of the folder {self.name}"
        self._contents: Contents | None = None

    def samples(self) -> Sequence[Sample]:
        """One sample a row, in the order of the rows; read once.

        Raises:
            UserError: If the folder or its metadata.csv is missing, or with every fault in it (the first 50).
        """
        return [row.sample for row in self._read()]

    def fingerprint(self, samples: Sequence[Sample]) -> str:
        """As `fingerprint_samples`; files are held to the sha256 that their rows state.

        Raises:
            UserError: As `samples`; if a file cannot be read, or is another one than stated.
        """
        return fingerprint_samples(
            samples, {r.sample.first_frame.path: r.facts.sha256 for r in self._read() if r.facts.sha256}
        )

    def contents(self) -> Contents:
        """The rows, and which clips are not here; read once.

        Raises:
            UserError: As `samples`, but not where no clip is here.
        """
        if self._contents is None:
            contents = read_folder(self.path)
            if contents.faults:
                raise UserError(told(f"data set {self.path}", contents.faults, METADATA))
            rows, missing = contents.rows, contents.missing
            part = f"a part of the set: {_here(len(rows))}; {describe_missing(missing)}" if missing else ""
            self.note = "; ".join(filter(None, [part, describe_proposed(rows)]))
            self._contents = contents
        return self._contents

    def _read(self) -> list[Row]:
        contents = self.contents()
        if not contents.rows:
            raise UserError(f"data set {self.path}: none of its clips is here: {describe_missing(contents.missing)}")
        return contents.rows


def _here(number: int) -> str:
    return f"{number:,} clip{' is' if number == 1 else 's are'} here"


def describe_missing(missing: Sequence[Missing]) -> str:
    """How many clips are not here, and why: "3 are not here (2 gone, 1 private)"."""
    kinds = Counter(clip.kind for clip in missing).most_common()
    verb = "is" if len(missing) == 1 else "are"
    return f"{len(missing):,} {verb} not here ({', '.join(f'{n:,} {kind}' for kind, n in kinds)})"


def describe_proposed(rows: Sequence[Row]) -> str:
    """How many prompts no person has looked at, or "": "2 of 3 prompts were proposed by a machine and not checked"."""
    proposed = sum(row.prompt_state == "proposed" for row in rows)
    verb = "was" if proposed == 1 else "were"
    return f"{proposed:,} of {len(rows):,} prompts {verb} proposed by a machine and not checked" if proposed else ""
