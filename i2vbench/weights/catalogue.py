"""What checkpoints there are: the entries of `catalogue.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from i2vbench.errors import UserError
from i2vbench.extras import installing
from i2vbench.names import nearest
from i2vbench.parsing import parse_toml

CATALOGUE_FILE = Path(__file__).with_name("catalogue.toml")

_HUB = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?(/(?P<file>.+))?")
# Plain http only of this machine: there, nobody stands between.
_WEB = re.compile(r"https://\S+|http://127\.0\.0\.1[:/]\S*")
_DIGITS = re.compile(r"[0-9a-f]{8,64}")
_FILE = re.compile(r"[\w-][\w.-]*")
_PACKAGE = re.compile(r"\w+(/\w+)*")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of the Hugging Face hub, or a whole repository where `file` is "".

    Attributes:
        repo: OWNER/REPO.
        revision: A commit; None is the newest.
        file: Path inside the repository.
    """

    repo: str
    revision: str | None
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An entry of the catalogue.

    Attributes:
        name: What metrics and the command line call it.
        title: One line.
        file: Its file's name, as it is kept here.
        sources: hf:OWNER/REPO[@REVISION][/FILE] or an https address, tried in this order.
        licence: As its authors state it.
        citation: Whose work it is.
        used_by: "metric NAME", "model NAME", "profile NAME", "curation NAME".
        kind: tensors are read as such; text is a list of names, one a line; torchscript is code and needs its user's
            trust; a folder is a whole repository of the hub.
        size: Bytes; None where it is not known.
        about: Bytes of its tensors, for people, where the size is not known.
        sha256: Pinned: 64 hex digits or the first ones; "" where it is not known.
        git_object: The id of the file in a git repository, SHA-1; "" where it is in none.
        keys: Fingerprints of the tensors' names and shapes, any of which will do; empty is not checked.
        optional: Only fetched by name, or for what uses it.
        finder: "module:function" that finds a folder: `function(download=bool) -> Path`.
        patterns: What is fetched of a folder.
        bundled: It comes with i2vbench, in bundled/; then it has no sources.
        extra: It comes with this extra of i2vbench; then it has no sources either.
        package: Folder of an installed package that an extra's file lies in: "NAME/FOLDER".
        sizes: Of the network, where they are not the published ones: fields of the `Sizes` of its module.
        names: What a network that names things was taught to write, where it is not what the published one was.
        network: Module below metrics/networks/ that reads it, for profiles that name it in another network's place.
    """

    name: str
    title: str
    file: str
    sources: tuple[str, ...] = ()
    licence: str
    citation: str
    used_by: tuple[str, ...]
    kind: Literal["tensors", "text", "torchscript", "folder"] = "tensors"
    size: int | None = None
    about: int | None = None
    sha256: str = ""
    git_object: str = ""
    keys: tuple[str, ...] = ()
    optional: bool = False
    finder: str = ""
    patterns: tuple[str, ...] = ()
    bundled: bool = False
    extra: str = ""
    package: str = ""
    sizes: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    network: str = ""

    def __post_init__(self) -> None:
        where = f"checkpoint {self.name}"
        if not _FILE.fullmatch(self.file) or not _FILE.fullmatch(self.name):
            raise ValueError(f"{where}: expected a plain name and file name, got '{self.file}'")
        for source in self.sources:
            if not (_HUB.fullmatch(source) or _WEB.fullmatch(source)):
                raise ValueError(f"{where}: expected hf:OWNER/REPO[@REVISION][/FILE] or https, got '{source}'")
        if self.sha256 and not _DIGITS.fullmatch(self.sha256):
            raise ValueError(f"{where}: expected 8 to 64 lower-case hex digits, got '{self.sha256}'")
        if (self.kind == "folder") != bool(self.finder):
            raise ValueError(f"{where}: a folder has a finder, and nothing else has")
        if self.bundled + bool(self.extra) + bool(self.sources) != 1:
            raise ValueError(f"{where}: expected sources, or that it is bundled, or an extra")
        if bool(self.extra) != bool(_PACKAGE.fullmatch(self.package)):
            raise ValueError(f"{where}: an extra has a package, NAME/FOLDER, and nothing else has")

    @property
    def pinned(self) -> bool:
        """Whether the catalogue itself says which bytes the file has."""
        return bool(self.sha256 or self.git_object)

    @property
    def command(self) -> str:
        """What brings it here."""
        if self.bundled:
            return "pip install --force-reinstall --no-deps i2vbench"
        return installing(self.extra) if self.extra else f"i2vbench weights fetch {self.name}"

    @property
    def size_text(self) -> str:
        """Its size for people: "95.6 MB", "about 6.7 GB" or "size unknown"."""
        if self.size is not None:
            return human_size(self.size)
        return f"about {human_size(self.about)}" if self.about is not None else "size unknown"

    @property
    def repository(self) -> str:
        """OWNER/REPO on the hub; "" if it has none."""
        found = [hub_source(source) for source in self.sources]
        return next((source.repo for source in found if source), "")


def hub_source(source: str) -> HubSource | None:
    """The parts of a source on the hub; None for an address of the web."""
    match = _HUB.fullmatch(source)
    return HubSource(match["repo"], match["revision"], match["file"] or "") if match else None


def human_size(size: float) -> str:
    """Bytes in powers of 1000, with one decimal: "605.1 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def load_catalogue() -> Mapping[str, Checkpoint]:
    """Every checkpoint by name, in the file's order."""
    return _load(CATALOGUE_FILE)


@cache
def _load(path: Path) -> Mapping[str, Checkpoint]:
    tables = parse_toml(path.read_text(encoding="utf-8"))
    found = {}
    for name, table in tables.items():
        found[name] = Checkpoint(name=name, **_with_tuples(table))
    return found


def _with_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(v) if isinstance(v, list) else _with_tuples(v) if isinstance(v, dict) else v
        for key, v in table.items()
    }


def entry(name: str) -> Checkpoint:
    """The checkpoint of that name.

    Raises:
        UserError: There is none, with the nearest names.
    """
    try:
        return load_catalogue()[name]
    except KeyError:
        raise UserError(f"unknown checkpoint '{name}': {nearest(name, list(load_catalogue()))}") from None
