"""Parity with the published implementations: recorded cases, and the runner that compares ours with them.

    python -m tests.reference [DIR] [--only FOLDER,...]

Run it in the root of a checkout: there `tests` and `i2vbench` are importable as they are, in a clean clone too. Who
adds a network or a metric adds a module under kinds/, a line to the table there, and a choice of cases here.
"""
