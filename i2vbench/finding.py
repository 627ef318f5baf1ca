"""Finding what a name means: something built in, of another package by entry point, or FILE.py:Class.

One generic class serves models, metrics, data sets and first frames. A name is written NAME or NAME:ARGUMENT; what it
names is imported only when it is asked for, so that listing and refusing cost nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from i2vbench.entry import Entry
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.names import nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing, and how to make one.

    Args:
        kind: "model", "metric", "data set" or "first frames", as messages call it.
        base: "module:Class" that everything of this kind derives from.
        info: "module:Class" of the facts that each has as `info`; "" if it has none.
        group: The entry-point group through which other packages add theirs.
        builtin: What comes with i2vbench, in the order of listings.
    """

    def __init__(self, kind: str, base: str, info: str, group: str, builtin: Mapping[str, Entry]) -> None:
        self.kind = kind
        self.base = base
        self.info = info
        self.group = group
        self.builtin = builtin

    def listing(self) -> dict[str, str]:
        """Every name with its one line; what is installed beside i2vbench comes last, by name."""
        lines: dict[str, str] = {}
        for name, entry in self.builtin.items():
            lines |= entry.lines(name)
        for name, point in sorted(self._plugins().items()):
            lines[name] = f"from the package {point.dist.name if point.dist else '?'}"
        return lines

    def known(self, name: str) -> dict[str, str]:
        """NAME:ARGUMENT of everything known by name behind a built-in name, with its one line; empty for any other."""
        entry = self.builtin.get(name)
        if entry is None or not entry.known:
            return {}
        lines: Mapping[str, str] = _import_target(entry.known)()
        return {f"{name}:{argument}": line for argument, line in lines.items()}

    def create(self, spec: str) -> T:
        """The thing that `spec` names: NAME, NAME:ARGUMENT or FILE.py:Class.

        Raises:
            UserError: For an unknown name (with the nearest ones), an argument that is missing or not taken, a
                file or package that does not import, a class that is not of this kind.
        """
        cls, argument = self._find(spec)
        self._check_base(cls, spec)
        try:
            made: T = cls() if argument is None else cls(argument)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.kind} '{spec}' cannot be made: {_last_line(error)}") from error
        if self.info:
            facts = _import_target(self.info)
            if not isinstance(getattr(made, "info", None), facts):
                got = type(getattr(made, "info", None)).__name__
                raise UserError(f"{self.kind} '{spec}': expected its info to be a {facts.__name__}, got {got}")
        return made

    def check_name(self, spec: str) -> None:
        """Refuse a name that cannot be found, without importing anything.

        Raises:
            UserError: As `create`, for an unknown name, an argument that cannot be right, or a missing file.
        """
        if _is_file(spec):
            path, _ = _split_file(spec)
            if not path.is_file():
                raise UserError(f"{self.kind} '{spec}': there is no file {path}")
            return
        name, colon, argument = spec.partition(":")
        if name in self.builtin:
            self.builtin[name].check(self.kind, name, argument if colon else None)
        elif name not in self._plugins():
            raise UserError(self._unknown(name))

    @staticmethod
    def is_file(spec: str) -> bool:
        """Whether a name is FILE.py:Class."""
        return _is_file(spec)

    def absolute(self, spec: str) -> str:
        """The same name with its path, if it has one, from the root: it then means the same from any folder."""
        if _is_file(spec):
            path, name = _split_file(spec)
            return f"{os.path.abspath(path.expanduser())}:{name}"
        name, _, argument = spec.partition(":")
        entry = self.builtin.get(name)
        if entry is None or not entry.takes_path or not argument:
            return spec
        return f"{name}:{entry.absolute(argument)}"

    def origin(self, spec: str) -> dict[str, str]:
        """What decides what `spec` makes: the hash of its file; or its package and version, and its argument.

        A path in an argument is left out: what lies there is for the thing itself to say. A name on the hub is not.
        """
        if _is_file(spec):
            return {"source_sha256": file_sha256(_split_file(spec)[0])}
        name, _, argument = spec.partition(":")
        entry = self.builtin.get(name)
        point = None if entry else self._plugins().get(name)  # to list them is to read what every package installed
        found = {"package": f"{point.dist.name} {point.dist.version}"} if point is not None and point.dist else {}
        if entry is not None:
            argument = entry.decides(argument)
        return found | ({"argument": argument} if argument else {})

    def _find(self, spec: str) -> tuple[Any, str | None]:
        self.check_name(spec)
        if _is_file(spec):
            path, name = _split_file(spec)
            module = _import_file(path, self.kind)
            if not hasattr(module, name):
                classes = [n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module.__name__]
                raise UserError(
                    f"{self.kind} '{spec}': {path} has no class '{name}'; it has {', '.join(classes) or 'none'}"
                )
            return getattr(module, name), None
        name, colon, argument = spec.partition(":")
        if name in self.builtin:
            return _import_target(self.builtin[name].target), argument if colon else None
        point = self._plugins()[name]
        try:
            return point.load(), argument if colon else None
        except (Exception, SystemExit) as error:
            package = point.dist.name if point.dist else "?"
            raise UserError(
                f"{self.kind} '{name}' of the package {package} cannot be imported: {_last_line(error)}"
            ) from error

    def _check_base(self, cls: object, spec: str) -> None:
        base = _import_target(self.base)
        if not (inspect.isclass(cls) and issubclass(cls, base)):
            raise UserError(f"{self.kind} '{spec}' is not a class derived from {self.base.replace(':', '.')}")
        missing = sorted(getattr(cls, "__abstractmethods__", ()))
        if missing:
            raise UserError(f"{self.kind} '{spec}' does not define {', '.join(missing)}")

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group) if point.name not in self.builtin}

    def _unknown(self, name: str) -> str:
        if os.path.exists(os.path.expanduser(name)):
            before = [f"{known}:{name}" for known, entry in self.builtin.items() if entry.takes_path]
            written = f"{name}:CLASS" if name.endswith(".py") else f"one of {', '.join(before)}"
            return f"{self.kind} '{name}' is a path alone, which does not say what it is: expected {written}"
        return f"unknown {self.kind} '{name}': {nearest(name, [*self.builtin, *self._plugins()])} (or FILE.py:Class)"


def _is_file(spec: str) -> bool:
    path, colon, name = spec.rpartition(":")
    return bool(colon) and path.endswith(".py") and name.isidentifier()


def _split_file(spec: str) -> tuple[Path, str]:
    path, _, name = spec.rpartition(":")
    return Path(path), name


def _import_target(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _import_file(path: Path, kind: str) -> Any:
    # The file's own folder is importable while it loads, as it would be were it run as a script.
    name = f"i2vbench_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{kind} file {path} cannot be imported: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"{kind} file {path} cannot be imported: {_last_line(error, path)}") from error
    finally:
        sys.path.remove(folder)
    if folder not in sys.path:
        sys.path.append(folder)  # for what it imports later, in `load`
    return module


def _last_line(error: BaseException, path: Path | None = None) -> str:
    """The error as one line, with the line of the file it arose in."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: SyntaxError: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if path is not None and Path(f.filename).resolve() == path.resolve()]
    where = f"line {own[-1].lineno}: " if own else ""
    return f"{where}{type(error).__name__}: {' '.join(str(error).split())}"
