"""Files to begin with: a shipped one to change, or one for a repository of one's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.models.external.reading import shipped
from i2vbench.names import nearest
from i2vbench.parsing import parse_toml

OWN = "external"
"""Stands for a repository of one's own."""

_FOLDERS = {"seine": "SEINE", "animateanything": "animate-anything", "vgen": "VGen"}
_HERE = Path(__file__).with_name("starting")


def starting_files(source: str, name: str) -> dict[str, str]:
    """Texts by file name.

    Args:
        source: A word of a shipped file, or `OWN`.
        name: What the model is to be called.

    Raises:
        UserError: There is no such source.
    """
    words = shipped()
    if source == OWN:
        title = name.replace("_", " ")
        facts = {"name": name, "title": title, "python": json.dumps(sys.executable)}
        return {
            f"{name}.toml": _template("own.toml").format(**facts),
            f"{name}_driver.py": _template("driver.py.txt").format(**facts),
        }
    if source not in words:
        known = ["http", OWN, *words]
        raise UserError(f"--from {source}: nothing of that name comes with i2vbench: {nearest(source, known)}")
    text = _commented(words[source])
    folder = _FOLDERS.get(source, "DynamiCrafter")
    return {f"{name}.toml": _template("shipped.toml").format(name=name, word=source, folder=folder, text=text)}


def _commented(path: Path) -> str:
    """A shipped file as comments, before it what it is based on."""
    text = path.read_text(encoding="utf-8")
    base = parse_toml(text).get("base")
    before = f"{_commented(path.with_name(f'{base}.toml'))}\n#\n" if base else ""
    return before + "\n".join(f"# {line}".rstrip() for line in text.rstrip().splitlines())


def _template(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
