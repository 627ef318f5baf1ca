"""Text from outside as LaTeX sets it."""

from __future__ import annotations

import re

from i2vbench.texts import one_line

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "^": r"\textasciicircum{}",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "%": r"\%",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"{\char96}",  # no quotation mark, no inverted ? or !
    '"': r"{\char34}",  # babel gives it a meaning in some languages
    "[": r"{[}",  # after \\ it would open an argument
    "]": r"{]}",
    "*": r"{*}",
}


LONGEST_WORD = 20
"""Letters that are kept together; longer words may be broken, after a sign such as _ or - where they have one."""

_OTHER_LETTERS = re.compile(
    "[^\x20-\x7e\u00a0-\u00aa\u00ac-\u00ba\u00bc-\u00cf\u00d1-\u00dd\u00df-\u00ef\u00f1-\u00fd\u00ff-\u0103\u0106-\u010f"
    "\u0112-\u0117\u011a-\u0125\u0128-\u012d\u0130-\u0137\u0139-\u013e\u0141-\u0148\u014c-\u0165\u0168-\u0171\u0174-\u017e"
    "\u0218-\u021b\u2013\u2014\u2018\u2019\u201c\u201d\u2020-\u2022\u2026\u20ac\u2122\u2190-\u2193]+"
)
"""What pdflatex stops at, unless it is given other fonts (tried with every letter up to U+33FF)."""


def latex_text(text: str) -> str:
    """Text as LaTeX sets it, on one line; of letters that pdflatex has no font for, it shows the numbers."""
    escaped = "".join(_LATEX.get(c, c) for c in one_line(text))
    escaped = _OTHER_LETTERS.sub(_or_numbers, escaped)
    return re.sub(r"([-',])(?=\1)", r"\1{}", escaped)  # two of them would join into another sign


def _or_numbers(found: re.Match[str]) -> str:
    """Letters for lualatex and xelatex, which know this primitive, and their numbers for pdflatex."""
    numbers = _numbers(found).replace(".", r".\allowbreak ")
    return rf"{{\ifdefined\Umathchar {found[0]}\else {numbers}\fi}}"


def _numbers(found: re.Match[str]) -> str:
    return "U+" + ".".join(f"{ord(letter):04X}" for letter in found[0])


def shown(text: str) -> str:
    """What pdflatex shows of text."""
    return _OTHER_LETTERS.sub(_numbers, one_line(text))


def latex_breakable(text: str) -> str:
    """The same, where a line may also end within long words."""
    words = [map(latex_text, word_parts(word)) for word in one_line(text).split(" ")]
    return " ".join(r"\allowbreak{}".join(parts) for parts in words)


def word_parts(word: str, least: int = LONGEST_WORD + 1) -> list[str]:
    """A word in parts between which a line may end; whole if it has fewer letters than `least`."""
    if len(word) < least:
        return [word]
    return re.findall(rf"[^/_.,:;=-]{{1,{LONGEST_WORD}}}[/_.,:;=-]{{0,3}}|[/_.,:;=-]{{1,{LONGEST_WORD}}}", word)
