"""Research repositories run as their own process in their own environment, each described by a TOML file.

    adapter.py       the model: what a name means, what is checked before any work, what a run records
    description.py   the TOML file as dataclasses, strictly read; reading.py: files, `base`, paths, interpreters
    placeholders.py  {prompt}, {seed}, ... in commands, files and settings; writing.py: YAML, JSON, lists
    workshop.py      a folder for each request; results.py: finding and reading the video that came of it
    process.py       a process with its output, limits and end; guard.py: what ends it with all its children
    calls.py         [once] and [batch]: a process for a request, or for many; server.py: one that is kept alive
    identity.py      hashes of checkpoints and scripts, the repository's commit, its environment's versions
    shipped/         the files for SEINE, DynamiCrafter, AnimateAnything and VGen
    drivers/         what runs inside those repositories' environments: serve.py, and a driver for each

docs/external.md is the guide.
"""
