"""Giving back what failed work held, whatever other threads are about."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import environment

SLOW_TORCH = """
import time
time.sleep(0.5)
class cuda:
    is_available = staticmethod(lambda: False)
"""

CALLER = """
import sys, threading
thread = threading.Thread(target=__import__, args=["torch"])
thread.start()
while "torch" not in sys.modules:
    pass
from i2vbench.attempt import free_memory
free_memory()
thread.join()
"""


def test_memory_is_given_back_while_another_thread_imports_torch(tmp_path: Path) -> None:
    """A model that is done before the metrics have torch ended the run: "module 'torch' has no ..."."""
    (tmp_path / "torch.py").write_text(SLOW_TORCH)
    surroundings = environment()
    surroundings["PYTHONPATH"] = f"{tmp_path}:{surroundings['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-c", CALLER], env=surroundings, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
