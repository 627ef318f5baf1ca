"""Metrics put to the test: how each answers known damage, beside what was stated beforehand.

subjects.py     clips that can be damaged, drawn and real
damages.py      what is done to them, in grades (expected.toml has the words, the grades and the stated answers)
study.py        every metric on every clip under every grade
truth.py        the metrics' networks against the truth of drawn clips
report.py       tables of it
"""
