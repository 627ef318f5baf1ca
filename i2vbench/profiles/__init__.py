"""Profiles: which sizes, frames, rates and checkpoints a run's numbers are made under.

A profile is a TOML file, one of those beside this module or the user's own. Its protocol is one of those in
protocols/, by name, or a table of its own. A run records it whole; numbers made under different profiles are never put
in one table without saying so.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.names import nearest
from i2vbench.parsing import parse_toml
from i2vbench.profiles.protocol import Interpolation, Protocol, Sampling, check_names, parse_protocol

__all__ = [
    "Interpolation",
    "Profile",
    "Protocol",
    "Sampling",
    "bundled_profiles",
    "load_profile",
    "load_protocol",
    "parse_profile",
]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named set of such decisions.

    Attributes:
        name: A word for the tables.
        title: One line that says what it is.
        protocol: What clips are brought to.
        precision: Number type of the metrics' networks, as torch names it.
        checkpoints: Names in the catalogue of checkpoints by metric id, for metrics that look through others than
            those they name themselves.
        models: Options of built-in models by NAME or NAME:ARGUMENT, as `Model.configure` takes them.
        note: What a reader of its numbers must know, if they are not to be compared with others': said when a run
            begins and ends, and in every table.
        dataset: What a run takes that names no data set. It decides no number: a run records the one it took.
    """

    name: str
    title: str
    protocol: Protocol
    precision: str = "float32"
    checkpoints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""
    dataset: str = "i2v-bench"

    @property
    def label(self) -> str:
        """Its name, and its note if it has one: for a place with nothing beside it to say the rest."""
        return f"{self.name}: {self.note}" if self.note else self.name

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, without `dataset`; and without `models` and `note` where it has none."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        del plain["dataset"]
        return {name: value for name, value in plain.items() if value or name not in ("models", "note")}

    def under(self, protocol: str) -> Profile:
        """The same with another bundled protocol.

        Raises:
            UserError: For an unknown name.
        """
        return replace(self, protocol=load_protocol(protocol))


def bundled_profiles() -> list[str]:
    """The names of the profiles that come with i2vbench."""
    return sorted(path.stem for path in _HERE.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """A bundled profile by name, or one from a TOML file by path.

    With `base`, a bundled profile's name, it is that one but for what the file states, in tables field by field; its
    name is its own.

    Raises:
        UserError: For an unknown name, a missing or malformed file, a missing, unknown or impossible field.
    """
    bundled = {p.stem: p for p in sorted(_HERE.glob("*.toml"))}
    path = bundled.get(name, Path(name))
    if name not in bundled and path.suffix != ".toml":
        raise UserError(f"unknown profile '{name}': expected one of {', '.join(bundled)}, or a TOML file")
    data = _read(path, "profile")
    try:
        if "base" in data:
            return parse_profile(_over(_base(data.pop("base")), _whole(data)))
        return parse_profile(_whole(data))
    except (TypeError, ValueError) as error:
        raise UserError(f"profile {path}: {error}") from error


def load_protocol(name: str) -> Protocol:
    """A bundled protocol by name.

    Raises:
        UserError: For an unknown name.
    """
    bundled = {p.stem: p for p in sorted((_HERE / "protocols").glob("*.toml"))}
    if name not in bundled:
        raise UserError(f"unknown protocol '{name}': {nearest(name, bundled)}")
    return parse_protocol({"name": name, **_read(bundled[name], "protocol")})


def parse_profile(data: dict[str, Any]) -> Profile:
    """The profile that a TOML file, or a run's record of it, holds.

    Raises:
        ValueError, TypeError: If a field is missing, unknown or impossible.
    """
    fields = dict(data)
    fields.setdefault("protocol", {})
    check_names("", fields, Profile)
    protocol = parse_protocol(fields.pop("protocol"))
    checkpoints = fields.pop("checkpoints", {})
    if not isinstance(checkpoints, dict) or not all(isinstance(names, list | tuple) for names in checkpoints.values()):
        raise ValueError("checkpoints: expected a table of lists, as fvd = ['i3d_tats']")
    models = fields.get("models", {})
    if not isinstance(models, dict) or not all(isinstance(options, dict) for options in models.values()):
        raise ValueError("models: expected a table of tables, as [models.consisti2v]")
    for name in ("name", "title", "note", "dataset"):
        if not isinstance(fields.get(name, ""), str):
            raise ValueError(f"{name}: expected text, got {fields[name]!r}")
    profile = Profile(
        protocol=protocol, checkpoints={id_: tuple(names) for id_, names in checkpoints.items()}, **fields
    )
    if profile.precision != "float32":
        raise ValueError(f"precision: expected float32, got {profile.precision!r}; metrics' networks have no other")
    return profile


def _base(name: object) -> dict[str, Any]:
    """The fields of the bundled profile that another one begins with, which has a name of its own.

    Raises:
        ValueError: There is none of that name, or it has a base itself.
    """
    bases = {path.stem: data for path in sorted(_HERE.glob("*.toml")) if "base" not in (data := _read(path, "profile"))}
    if not isinstance(name, str) or name not in bases:
        raise ValueError(f"base '{name}': {nearest(str(name), bases)}")
    return {field: value for field, value in _whole(bases[name]).items() if field != "name"}


def _whole(data: dict[str, Any]) -> dict[str, Any]:
    """With the fields of its protocol where it names one."""
    named = data.get("protocol")
    return {**data, "protocol": asdict(load_protocol(named))} if isinstance(named, str) else data


def _over(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The base with what is changed; tables that both have are joined."""
    joined = {
        name: _over(base[name], value) if isinstance(value, dict) and isinstance(base.get(name), dict) else value
        for name, value in changed.items()
    }
    return {**base, **joined}


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{what} {path}: no such file") from error
    except OSError as error:
        raise UserError(f"{what} {path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{what} {path}: is not TOML: {error}") from error
