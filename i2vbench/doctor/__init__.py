"""What works on this machine, what is missing, and how to get it: `i2vbench doctor`.

    finding.py     what a check says
    examining.py   all checks, and what becomes of those that are made apart
    here.py        checks that import nothing: Python, packages, extras, programs, folders, network, Ray
    apart.py       checks that import libraries: torch, readers and codecs, checkpoints; each in a process of its own,
                   for a library may be broken in a way that ends it, or that never ends

Nothing is downloaded, and no address is asked.
"""

from i2vbench.doctor.examining import basic_run_works, examine
from i2vbench.doctor.finding import Finding, Section

__all__ = ["Finding", "Section", "basic_run_works", "examine"]
