"""HTML pages: how text becomes a page without becoming markup, and what a browser may run of it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from i2vbench.texts import clean


def templates(*folders: Path) -> Environment:
    """The templates of these folders: every text is cleaned and escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    return environment


def policy_hash(text: str) -> str:
    """A script or style as a content security policy names it.

    Only what is named may run: were an escape forgotten, the browser would still refuse what came through.
    """
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
