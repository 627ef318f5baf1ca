"""A real LaTeX, where there is one: whether tables compile with booktabs alone, and fit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")

_OVERFULL = re.compile(r"Overfull \\[hv]box \((\d+(?:\.\d+)?)pt too (?:wide|high)\).*")
_TALL = re.compile(r"Float too large for page by (\d+(?:\.\d+)?)pt")


def compile_latex(text: str, tmp_path: Path) -> str:
    """The log of pdflatex for a document, or for what is to stand in one that loads booktabs and nothing else.

    Raises:
        AssertionError: With LaTeX's errors and the lines that they are in.
    """
    if r"\documentclass" not in text:
        start = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        text = f"{start}{text}\n\\end{{document}}\n"
    (tmp_path / "page.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path,
        env=os.environ | {"max_print_line": "1000"},  # else the log is broken within words
        capture_output=True,
        check=False,
    )
    log = (tmp_path / "page.log").read_text(encoding="utf-8", errors="replace")
    errors = re.findall(r"^!.*(?:\n.*){0,4}", log, re.MULTILINE)
    assert done.returncode == 0, "\n".join(errors) or log[-2000:]
    return log


def too_large(log: str, more_than_pt: float = 5) -> list[str]:
    """What of a page is wider or taller than its place by more than that."""
    found = [*_OVERFULL.finditer(log), *_TALL.finditer(log)]
    return [match[0] for match in found if float(match[1]) > more_than_pt]
