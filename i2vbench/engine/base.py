"""What the run knows of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from i2vbench.engine.crew import Crew
    from i2vbench.engine.kit import Kit
    from i2vbench.job import Job


class Engine(ABC):
    """Where the work happens. Which one it is decides no number.

    Attributes:
        name: As `--engine` names it.
    """

    name: str

    @abstractmethod
    def device(self, asked: str) -> str:
        """The kind of device that work is done on, as torch names it; "auto" is a GPU where there is one.

        Raises:
            UserError: It is not there.
        """

    @abstractmethod
    def versions(self, device: str) -> dict[str, str]:
        """Versions of what can move a number there, as `machine.versions`."""

    @abstractmethod
    def crew(self, job: Job, kit: Callable[[], Kit]) -> Crew:
        """Its workers, beginning to get ready.

        Args:
            job: The run's work.
            kit: Packs what workers in other processes are sent.
        """

    def close(self) -> None:  # noqa: B027 - most have begun nothing
        """End what it has begun besides its crews; it is not used any more."""
