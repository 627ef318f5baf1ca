"""The contract of a model: facts about itself, and two methods.

A model is handed requests and returns videos. It knows nothing of data sets, metrics or files. Whatever is random
in it is drawn from the request's seed alone, on the CPU, request by request, so that neither batch size, order,
worker nor resumption changes a video; `i2vbench adapter check` looks whether that is so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.profiles import Protocol
from i2vbench.types import ModelInfo, PlannedClip, Request, Video


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a stand-in may know before the work begins.

    Attributes:
        plan: Every clip that the run will ask for.
        sample_ids: Ids of the whole data set, those that the run leaves out (`--limit`, `--categories`) included.
        protocol: What clips are brought to.
        reader: The video reader of the run.
        folder: Where the model may keep files of its own that outlive this process; it makes it when it first writes
            there, which is never before `load`.
    """

    plan: Sequence[PlannedClip]
    sample_ids: frozenset[str]
    protocol: Protocol
    reader: str
    folder: Path


class Model(ABC):
    """An image-to-video generator.

    A class whose constructor takes one string can be named with an argument, `NAME:ARGUMENT`; its `info` may then
    be set on the instance.

    Attributes:
        info: Declared facts.
        show_progress: Whether to tell on standard error how far a clip is. A run counts clips itself and leaves it
            off; commands that make a single one switch it on.
        one_holder: Whether one process alone may hold it, the one that directs the run: it keeps a record of its own
            (what has been paid for), or reads the environment's secrets.
        kept_over_runs: Whether a run may take over what another one has made of the same batch of requests. Only if
            these, `settings`, `fingerprint`, the file or package of the class, and the machine decide every byte of
            it. A class derived from one that says so does not, until it says so itself.
    """

    info: ModelInfo
    show_progress: bool = False
    one_holder: bool = False
    kept_over_runs: bool = False

    def configure(self, options: Mapping[str, object]) -> None:
        """What `i2vbench generate` or a run's profile says beyond a request (sampling steps, guidance, ...), by name.

        Called before `load`, and only if there is any. In a run the profile alone says it, so that a model's name and
        the profile say what it makes there.

        Raises:
            UserError: For an option that the model does not have, or a value it cannot take.
        """
        if options:
            raise UserError(f"model '{self.info.name}' does not take {', '.join(options)}: it has no such options")

    def prepare(self, preparation: Preparation) -> None:  # noqa: B027 - a hook that most models leave alone
        """Called once, before any work.

        For stand-ins (the ground truth, videos made elsewhere) that must find their files; a generator leaves it.

        Raises:
            UserError: To refuse the run before anything is written.
        """

    def settings(self) -> Mapping[str, object]:
        """What the model makes videos with beyond a request, as JSON holds it; a run records it and holds to it."""
        return {}

    def fingerprint(self) -> str | None:
        """A hash of what decides the videos beside the model's own code, asked after `prepare`; None if nothing does.

        A run records it and refuses to go on once it has changed.
        """
        return None

    def load(self, device: str, dtype: str) -> None:  # noqa: B027 - models without weights have nothing to load
        """Bring the weights into memory; called once, before `generate`.

        Args:
            device: As torch names it: "cpu", "cuda", "cuda:1".
            dtype: As torch names it: "float32", "bfloat16", "float16".
        """

    def unload(self) -> None:  # noqa: B027 - a model that holds nothing has nothing to let go
        """Let go of what `load` brought into memory; called after `load`, once no more videos are needed."""

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> Sequence[Video]:
        """One video per request, in the same order; at most `info.max_batch` requests at once.

        Each video has the request's num_frames, height, width and fps, and opens with its first frame (or the
        model's reconstruction of it).

        Raises:
            NotApplicable: For a request that its sample has nothing for.
        """
