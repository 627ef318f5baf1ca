"""The tiny profile's data set: the demo's real clips and photographs, and drawn clips, in one run."""

from __future__ import annotations

from collections.abc import Sequence

from i2vbench.datasets.base import Dataset
from i2vbench.datasets.demo import DemoDataset
from i2vbench.datasets.synthetic.dataset import SyntheticDataset
from i2vbench.types import Sample


class TinyDataset(Dataset):
    """`tiny`: all of `demo`, and of `synthetic` one clip of each category.

    The small networks have seen drawn clips alone (others than these), and the demo's show what that is worth.
    """

    name = "tiny"
    title = "the demo and one drawn clip of each category; too few for results"
    licence = f"the demo's: {DemoDataset.licence}; drawn clips: {SyntheticDataset.licence}"

    def samples(self) -> Sequence[Sample]:
        """The demo's samples, and then the drawn ones.

        Raises:
            UserError: A package of the demo is missing, or the cache folder cannot be written to.
        """
        demo, drawn = DemoDataset().samples(), SyntheticDataset().samples()
        clips = sum(sample.reference is not None for sample in demo)
        self.note = f"{clips} clips and {len(demo) - clips} photographs of the demo, and {len(drawn)} drawn clips"
        return [*demo, *drawn]
