"""An entry of a registry: something built in, and what may follow its name after a colon."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from i2vbench.errors import UserError
from i2vbench.names import is_hub_name, is_word, nearest, split_label, split_word


@dataclass(frozen=True, slots=True)
class Entry:
    """Something built in: where it is, what it takes, and one line about it.

    Attributes:
        target: "module:Class".
        summary: One line.
        argument: How the argument is called in messages; "" takes none. One that ends in PATH is, or ends in, a path.
        optional: The name alone will do.
        words: What may stand for the path or, WORD=PATH, before it, with one line each: variants of one thing. One that
            ends in -N takes a number.
        hub: Where a path stands there may be OWNER/REPO[@REVISION] of the Hugging Face hub instead.
        several: Several words may stand together, separated by commas.
        labelled: A name that is none of the words may stand before the path, LABEL=PATH.
        hint: What to say to who has no path.
        known: "module:function" that gives the arguments which are known by name, with one line each; "" if none are.
    """

    target: str
    summary: str
    argument: str = ""
    optional: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    hub: bool = False
    several: bool = False
    labelled: bool = False
    hint: str = ""
    known: str = ""

    @property
    def takes_path(self) -> bool:
        return self.argument.endswith("PATH")

    def lines(self, name: str) -> dict[str, str]:
        """What a listing says of it: the name with its argument, and a line for each word."""
        argument = f":{self.argument}" if self.argument else ""
        first = {f"{name}[{argument}]" if self.optional else name + argument: self.summary}
        end = "" if self.optional else "=PATH"
        return first | {f"{name}:{word}{end}": summary for word, summary in self.words.items()}

    def split(self, argument: str) -> tuple[str, str]:
        """(label or word, path) of an argument that is, stands for, or ends in a path; "" for what is not there."""
        if self.words:
            return split_word(argument, self.words)
        return split_label(argument) if "=" in self.argument else ("", argument)

    def check(self, what: str, name: str, argument: str | None) -> None:
        """Refuse an argument, None where no colon follows the name, that cannot be right.

        Only an entry with words looks whether the path is there: it may be a misspelt word.

        Raises:
            UserError: It is missing, not taken, or neither one of the words nor a path.
        """
        if not self.argument:
            if argument is not None:
                raise UserError(f"{what} '{name}' takes no argument ('{argument}')")
        elif not argument:
            if argument is not None or not self.optional:
                spec = name if argument is None else f"{name}:"
                raise UserError(f"{what} '{spec}' needs an argument: {name}:{self.argument}{self._hinted()}")
        elif self.words:
            self._check_word(f"{what} '{name}:{argument}'", argument)
        elif self.hub:
            self._check_hub(f"{what} '{name}:{argument}'", self.split(argument)[1])

    def absolute(self, argument: str) -> str:
        """The same argument with its path, if it has one, from the root."""
        label, path = self.split(argument)
        if path and not self._on_hub(path):
            path = os.path.abspath(os.path.expanduser(path))
        return "=".join(filter(None, (label, path)))

    def decides(self, argument: str) -> str:
        """What of an argument decides what is made; of a path nothing, for what lies there is to say it."""
        if not self.takes_path:
            return argument
        label, path = self.split(argument)
        if self.words:
            return label
        return path if self._on_hub(path) else ""

    def _on_hub(self, path: str) -> bool:
        return self.hub and is_hub_name(path)

    def _check_hub(self, subject: str, path: str) -> None:
        if not is_hub_name(path) and not os.path.isdir(os.path.expanduser(path)):
            raise UserError(f"{subject}: there is no folder '{path}', nor is it OWNER/REPO of the hub{self._hinted()}")

    def _check_word(self, subject: str, argument: str) -> None:
        word, path = self.split(argument)
        wrong = [one for one in self._each(word) if not is_word(one, self.words)]
        if (wrong and not (self.labelled and path)) or (argument != word and not self.takes_path):
            variant = wrong[0] if wrong else argument
            raise UserError(f"{subject}: there is no variant '{variant}': {nearest(variant, self.words)}")
        if argument != word and not self._on_hub(path) and not os.path.exists(os.path.expanduser(path)):
            unknown = "" if word or "/" in path else f", nor a variant of that name: {nearest(path, self.words)}"
            kind = "file" if path.endswith(".toml") else "folder"
            raise UserError(f"{subject}: there is no {kind} '{path}'{unknown}{self._hinted()}")

    def _each(self, word: str) -> list[str]:
        """The words that stand together in one's place."""
        return (word.split(",") if self.several else [word]) if word else []

    def _hinted(self) -> str:
        return f"; {self.hint}" if self.hint else ""
