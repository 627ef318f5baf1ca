"""The loss curve and the validation videos, for TensorBoard."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from i2vbench.extras import need
from i2vbench.types import Video
from i2vbench.video import write_gif


class CurveLog:
    """Writes scalars and videos; a training that is gone on with continues its curve.

    Args:
        folder: Where TensorBoard is to look.
        step: Steps done: what an interrupted training wrote beyond them is not shown.

    Raises:
        UserError: If tensorboard is not installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        need("the log of a training", "train", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(folder, purge_step=step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def video(self, step: int, name: str, video: Video) -> None:
        """Show a clip among the images: TensorBoard plays GIF files there."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        with tempfile.TemporaryDirectory() as folder:
            write_gif(Path(folder) / "clip.gif", video)
            encoded = (Path(folder) / "clip.gif").read_bytes()
        image = Summary.Image(height=video.height, width=video.width, colorspace=3, encoded_image_string=encoded)
        writer = self._writer._get_file_writer()  # add_video would want moviepy for the same bytes
        writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)

    def flush(self) -> None:
        """Bring everything to the disk; done with every checkpoint, so that the curve has no hole after a kill."""
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
