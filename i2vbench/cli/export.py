"""`i2vbench export`: a run's numbers in the layout of other benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder, run_folder, split
from i2vbench.cli.options import OnlyModels, Run
from i2vbench.cli.output import plain, say
from i2vbench.cli.shape import add, new_group
from i2vbench.errors import UserError
from i2vbench.names import nearest
from i2vbench.run_file import read_settings

if TYPE_CHECKING:
    from i2vbench.export.vbench import Export

app = new_group("Write a run's numbers in the files of other benchmarks.\n\nExample: i2vbench export vbench runs/mine")


def vbench(
    run_name: Run,
    model: OnlyModels = None,
    out: Annotated[
        Path | None, options.out("a folder that gets a folder of files for each model. Default: RUN/vbench.")
    ] = None,
    anyway: Annotated[
        bool,
        options.anyway(
            "leave out clips without a number, and write numbers made through other networks than VBench's; it says "
            "which."
        ),
    ] = False,
) -> None:
    """Write the results as VBench writes its own.

    For each model there are NAME_eval_results.json and NAME_full_info.json. They do not say of which data set the
    numbers are, and VBench's leaderboard is of another one: what they leave unsaid is printed on standard error.

    Example: i2vbench export vbench runs/mine --model consisti2v --out evaluation_results
    """
    check_folder("--out", out)
    run = run_folder(run_name)
    known = list(read_settings(run)["models"])
    wanted = split(model) or known
    for name in wanted:
        if name not in known:
            raise UserError(f"no model '{name}' in {run}: {nearest(name, known)}")

    from i2vbench.export.vbench import export_model, refusal, write_export
    from i2vbench.tables.runs import open_run

    folder = out or run / "vbench"
    try:
        opened = open_run(run)
        exports = [export_model(opened, name) for name in dict.fromkeys(wanted)]
        for export in exports:
            if export.faults and not anyway:
                raise UserError(refusal(export))
        for export in exports:
            _tell(export, write_export(export, folder))
    except UserError as error:  # it may hold text of the run's, which may be somebody else's
        raise UserError("\n".join(map(plain, str(error).split("\n")))) from error
    for note in dict.fromkeys(note for export in exports for note in export.notes):
        print(plain(f"note: {note}"), file=sys.stderr)


add(app, "vbench", vbench)


def _tell(export: Export, files: list[Path]) -> None:
    """Print a model's numbers and where they are, and on standard error what is wrong with them."""
    say(f"{export.model}: {len(export.results)} of VBench's dimensions, in {files[0].parent}")
    for name, (number, records) in export.results.items():
        say(f"  {name:<22}  {number:.4f}  {len(records)} of {export.clips} clips")
    for fault in export.faults:
        print(plain(f"{export.model}: {fault}"), file=sys.stderr)
