"""The far end of a worker on a Ray cluster: what an actor does there."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from i2vbench.engine.facts import check_files, differences, facts
from i2vbench.engine.kit import Kit
from i2vbench.engine.remote import Answer, Far, outcome
from i2vbench.engine.worker import Task
from i2vbench.errors import UserError
from i2vbench.run_file import read_settings


@dataclass(frozen=True, slots=True)
class Here:
    """Where an actor is.

    Attributes:
        machine: Its name.
        process: Its number there.
        node: Ray's name of the machine.
    """

    machine: str
    process: int
    node: str


@dataclass(frozen=True, slots=True)
class Terms:
    """On which an actor may work.

    Attributes:
        device: As torch names it, there.
        facts: `facts` that must be the same there.
        seen: A file of the data set; None if there is none.
    """

    device: str
    facts: Mapping[str, str]
    seen: Path | None


class FarActor:
    """Does tasks in a process that Ray has begun.

    Its methods are coroutines: Ray begins them in the order in which they are called, and none waits for another.
    """

    async def where(self) -> Here:
        """Where it is."""
        import ray

        return Here(socket.gethostname(), os.getpid(), ray.get_runtime_context().get_node_id())

    async def begin(self, kit: Kit, terms: Terms) -> BaseException | None:
        """Get ready for tasks; what is in the way of that."""
        return await asyncio.to_thread(self._begin, kit, terms)

    def _begin(self, kit: Kit, terms: Terms) -> BaseException | None:
        machine = socket.gethostname()
        try:
            check_seen(kit, terms.seen)
            if lines := differences(terms.facts, facts(terms.device, kit.config)):
                listed = "".join(f"\n  {line}" for line in lines)
                raise UserError(f"its numbers would not be those of the others:{listed}")
            self._far = Far(kit, terms.device, lambda tools: check_files(tools, kit.recorded))
        except UserError as error:
            return UserError(f"the worker on {machine}: {error}")
        except BaseException as error:  # noqa: BLE001 - it is raised where the run is directed
            return error
        return None

    async def do(self, number: int, task: Task) -> Answer | BaseException:
        """Do a task; `number` names it."""
        done = self._far.do(number, task)
        await asyncio.wait([asyncio.wrap_future(done)])
        return outcome(done)

    async def cancel(self, number: int) -> None:
        """Leave a task that has not begun."""
        self._far.cancel(number)

    async def close(self) -> None:
        """Finish what has begun."""
        await asyncio.to_thread(self._far.close)


def check_seen(kit: Kit, seen: Path | None) -> None:
    """Refuse to work where the run's files are not.

    Raises:
        UserError: This machine does not see the run's folder, or has another run there, or not the data set's files.
    """
    folder = kit.place.shared_folder
    what_to_do = (
        "every machine must see one and the same; name a folder that they share (--out /shared/RUN), or an address of "
        "an object store (--out s3://BUCKET/RUN)"
    )
    if folder is not None and not (folder / "run.json").is_file():
        raise UserError(f"it does not see the run's folder {folder}: {what_to_do}")
    if folder is not None and read_settings(folder) != kit.recorded:
        raise UserError(f"it has another run at {folder} than the one that is directed: {what_to_do}")
    if seen is not None and not seen.exists():
        raise UserError(f"it does not see the data set ({seen} is not there): put it on a folder that they all share")
