"""Where a pipeline's files are: folders, or the hub's cache; what is missing, and a hash of what decides its videos."""

from __future__ import annotations

import difflib
import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.diffusers.known import Known, known
from i2vbench.names import is_hub_name
from i2vbench.weights.hashes import content_sha256
from i2vbench.weights.hub import find_folder, split_hub_name
from i2vbench.weights.pipelines import PREFIX, Bundle, Files, Index, files_in, read_configs


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a pipeline has of one folder or repository.

    Attributes:
        bundle: What is wanted of it.
        folder: Where it is; None if it is not here.
        index: Its parts; None if it is not here.
    """

    bundle: Bundle
    folder: Path | None = None
    index: Index | None = None

    def files(self) -> Files:
        assert self.folder is not None
        assert self.index is not None
        return files_in(self.folder, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pipeline's files.

    Attributes:
        where: As the user named it.
        known: What is known of a repository of that name.
        sources: Its folders; the first holds `model_index.json`.
        configs: The configurations of its parts.
    """

    where: str
    known: Known | None
    sources: tuple[Source, ...]
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def here(self) -> bool:
        """Whether its configurations are here."""
        return all(source.index is not None for source in self.sources)

    @property
    def class_name(self) -> str:
        """The class that its authors, or its files, name."""
        if self.known is not None:
            return self.known.cls
        assert self.sources[0].index is not None  # find_place refuses what is neither known nor here
        return self.sources[0].index.cls

    @property
    def config(self) -> Mapping[str, Any]:
        """The plain settings of its `model_index.json`."""
        index = self.sources[0].index
        return index.config if index is not None else {}

    @property
    def parts(self) -> Mapping[str, tuple[str, str]]:
        """(library, class) of every part; empty where that is not here."""
        return {part: what for source in self.sources if source.index for part, what in source.index.parts.items()}

    def check_here(self) -> Path:
        """The folder with `model_index.json`, once all that the pipeline is made of is here.

        Raises:
            UserError: With what is missing, its licence and the command that brings it.
        """
        for source in self.sources:
            if source.folder is None or source.index is None:
                raise UserError(self._missing(source, "is not here"))
            lacking = source.files().lacking
            if lacking:
                raise UserError(self._missing(source, f"is here only in part ({', '.join(lacking)} missing)"))
        assert self.sources[0].folder is not None
        return self.sources[0].folder

    def variant(self) -> str:
        """What its weights are called by."""
        return self.sources[0].files().variant

    def fingerprint(self) -> str:
        """A hash of every file that decides its videos."""
        self.check_here()
        total = hashlib.sha256()
        for number, source in enumerate(self.sources):
            assert source.folder is not None
            for name in source.files().all:
                total.update(f"{number} {name} {content_sha256(source.folder / name)}\n".encode())
        return total.hexdigest()

    def _missing(self, source: Source, problem: str) -> str:
        name = source.bundle.name
        apart = self.known is not None and self.known.base
        what = f"pipeline {self.where}: its part {name}" if apart else f"pipeline {self.where}"
        if not is_hub_name(self.where):
            return f"{what} {problem}: expected a folder that a pipeline of diffusers was saved to, whole"
        licence = f" (licence: {self.known.licence})" if self.known and self.known.licence else ""
        return (
            f"{what}{licence} {problem}: `i2vbench weights fetch {PREFIX}{self.where}` brings it from the Hugging Face "
            f"hub, and says first how large it is{self._meant()}"
        )

    def _meant(self) -> str:
        """The name that is known, of one that nearly is: authors' own repositories are often in another layout."""
        names = {name.casefold(): name for name in known()}
        near = difflib.get_close_matches(self.where.casefold(), names, n=1, cutoff=0.8) if self.known is None else []
        return f"; did you mean {PREFIX}{names[near[0]]}?" if near else ""


def find_place(where: str) -> Place:
    """Where the pipeline of that name is.

    Args:
        where: A folder, or OWNER/REPO[@REVISION].

    Raises:
        UserError: It is neither here nor known, or it is not safe to load.
    """
    entry = known().get(split_hub_name(where)[0]) if is_hub_name(where) else None
    sources = tuple(_source(bundle) for bundle in bundles_of(where, entry))
    place = Place(where=where, known=entry, sources=sources)
    if not place.here:
        if entry is None:
            place.check_here()
        return place
    configs: dict[str, Mapping[str, Any]] = {}
    for source in sources:
        assert source.folder is not None
        assert source.index is not None
        configs |= read_configs(source.folder, source.index)
    return Place(where=where, known=entry, sources=sources, configs=configs)


def bundles_of(where: str, entry: Known | None) -> Sequence[Bundle]:
    """What a pipeline is made of, repository by repository; most are made of one."""
    if entry is None or not entry.base:
        revision = f"@{entry.revision}" if entry and entry.revision and "@" not in where else ""
        return [Bundle(name=where + revision)]
    if "@" in where:
        raise UserError(f"pipeline {where} is made of several repositories; a revision of it says nothing")
    own: dict[str, dict[str, tuple[str, str, str]]] = {}
    for part, (repo, folder, cls) in entry.parts.items():
        library, _, name = cls.partition(".")
        own.setdefault(repo, {})[part] = (folder, library, name)
    base = Bundle(name=entry.base, only=_taken_by(entry.cls) - set(entry.parts))
    return [base, *(Bundle(name=repo, parts=parts) for repo, parts in own.items())]


def _taken_by(cls: str) -> frozenset[str]:
    """The parts that a class is made of."""
    import diffusers

    return frozenset(inspect.signature(getattr(diffusers, cls).__init__).parameters)


def _source(bundle: Bundle) -> Source:
    folder = find_folder(bundle.name)
    on_hub = is_hub_name(bundle.name)
    if folder is None or (on_hub and not all((folder / file).is_file() for file in bundle.files)):
        return Source(bundle=bundle)
    return Source(bundle=bundle, folder=folder, index=bundle.index(folder))


def bundles_to_fetch(where: str) -> Sequence[Bundle]:
    """What `i2vbench weights fetch` brings of a pipeline of the hub.

    Raises:
        UserError: It is no name on the hub.
    """
    return bundles_of(where, known().get(split_hub_name(where)[0]))
