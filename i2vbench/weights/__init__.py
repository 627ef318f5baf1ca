"""The catalogue of checkpoints: where every network gets its weights, and what keeps wrong files from a metric.

    catalogue.toml, catalogue.py   what there is: addresses, sizes, hashes, licences
    places.py, records.py          where files are, and what was seen of them
    check.py, shapes.py            is this file what it is called?
    tensors.py                     what it holds
    store.py                       find, missing, read: what models and metrics call
    fetch.py, http.py, hub.py      bringing files here
    bring.py                       files that come by hand, and trust in TorchScript
    needs.py                       what a run's metrics lack
    pipelines.py, fetch_pipelines.py   pipelines of diffusers: what one is made of, and bringing it here
    hashes.py                      hashes of large files, remembered
    report.py, progress.py         listings and bars

A metric declares its checkpoints by name (`MetricInfo.checkpoints`) and reads them in `load`:

    >>> from i2vbench.weights import read
    >>> state = read("i3d_tats")  # doctest: +SKIP
"""

from i2vbench.weights.catalogue import Checkpoint, entry, load_catalogue
from i2vbench.weights.report import missing_table
from i2vbench.weights.store import (
    MissingCheckpoint,
    check_runnable,
    find,
    load_script,
    missing,
    read,
    read_lines,
    sha256_of,
)

__all__ = [
    "Checkpoint",
    "MissingCheckpoint",
    "check_runnable",
    "entry",
    "find",
    "load_catalogue",
    "load_script",
    "missing",
    "missing_table",
    "read",
    "read_lines",
    "sha256_of",
]
