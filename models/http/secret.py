"""The key of an API: read from the environment, sent in one header, and taken out of every text from outside."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from i2vbench.errors import UserError
from i2vbench.texts import one_line

SHORTEST = 8
"""Characters: of a shorter text, taking it out of what a server says would leave no word whole."""


class Secret:
    """A key; its text never shows where an object or an error is printed.

    Args:
        env: The environment variable that holds it; "" is an API without a key.
        header: The header it is sent in.
        form: What is sent, with {key} where the key stands.

    Raises:
        UserError: The variable is not set, or what it holds cannot be a key.
    """

    def __init__(self, env: str = "", header: str = "", form: str = "") -> None:
        self._env, self._headers = env, dict[str, str]()
        self._pattern: re.Pattern[str] | None = None
        if not env:
            return
        key = os.environ.get(env, "").strip()
        if not key:
            raise UserError(
                f"the environment variable {env} is not set: it is to hold the API's key (export {env}=...)"
            )
        if len(key) < SHORTEST or not re.fullmatch(r"[!-~]+", key):
            raise UserError(
                f"the environment variable {env} holds no key: expected at least {SHORTEST} visible ASCII characters "
                "without spaces"
            )
        self._headers = {header: form.replace("{key}", key)}
        encoded = base64.b64encode(key.encode()).decode().rstrip("=")
        shapes = {key, quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1], encoded}
        self._key = key
        self._pattern = re.compile("|".join(re.escape(one) for one in sorted(shapes, key=len, reverse=True)), re.I)

    def __repr__(self) -> str:
        return f"Secret({self._env!r})"

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent to the API."""
        return self._headers

    def is_in(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def redact(self, text: str, *, cut: bool = False) -> str:
        """A text without the key.

        Args:
            text: From outside.
            cut: It may end amid the key: then what the key begins with is taken from its end too.
        """
        if self._pattern is None:
            return text
        text = self._pattern.sub(f"[${self._env}]", text)
        if cut:
            length = next((n for n in range(len(self._key) - 1, 3, -1) if text.endswith(self._key[:n])), 0)
            text = text[: len(text) - length]
        return text

    def redact_json(self, data: Any) -> Any:
        """The same of all texts in a value of JSON."""
        if isinstance(data, dict):
            return {self.redact(str(key)): self.redact_json(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.redact_json(value) for value in data]
        return self.redact(data) if isinstance(data, str) else data

    def quoted(self, text: str, most: int = 160) -> str:
        """What a server says, as it may stand in a sentence: one line, without the key, of bounded length."""
        line = one_line(self.redact(text, cut=True))
        return line if len(line) <= most else line[: most - 3] + "..."
