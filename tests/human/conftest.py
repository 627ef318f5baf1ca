"""A small study, and its server in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.human.raters import Serving, serving
from tests.human.studies import make_study

Serve = Callable[..., Serving]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Makes a study (`studies.make_study`) and serves it until the test ends; `access` are fields of `Access`."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with ExitStack() as stack:

        def call(*, invited: int = 0, access: dict[str, Any] | None = None, **study: Any) -> Serving:
            folder = tmp_path / "study"
            made = make_study(folder, **study)
            return stack.enter_context(serving(folder, made, invited=invited, **(access or {})))

        yield call
