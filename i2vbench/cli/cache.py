"""`i2vbench cache`: what is kept over runs."""

from __future__ import annotations

from typing import Annotated

import typer

from i2vbench.errors import UserError


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete it: later runs make all anew.")] = False,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="With --clear: only what no run has made use of for so many days."),
    ] = None,
) -> None:
    """Say what is kept over runs and how much room it takes, or delete it.

    These are measurements, and where videos are that a run has made: they lie in the runs, and are not deleted.

    Example: i2vbench cache --clear --older-than 30
    """
    from i2vbench.kept.entries import clear as delete
    from i2vbench.kept.entries import kept_folder, shares
    from i2vbench.weights.catalogue import human_size
    from i2vbench.weights.report import align

    if older_than is not None and not clear:
        raise UserError("--older-than says what --clear deletes; give both")
    if clear:
        gone = delete(older_than or 0.0)
        print(f"entries deleted of {kept_folder()}: {gone.entries} ({human_size(gone.size_bytes)})")
        return
    found = shares()
    rows = [(kind, str(share.entries), human_size(share.size_bytes)) for kind, share in found.items()]
    total = sum(share.entries for share in found.values()), sum(share.size_bytes for share in found.values())
    print("\n".join(align([("kept", "entries", "size"), *rows, ("all", str(total[0]), human_size(total[1]))])))
    print(
        f"\nIt lies in {kept_folder()} (I2VBENCH_CACHE). An entry is a group of clips by one metric, a batch, a cell."
    )
