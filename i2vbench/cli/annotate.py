"""`i2vbench data annotate`: prompts checked, and object and scene words, for a data set of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, check_pages, split
from i2vbench.cli.options import Device
from i2vbench.errors import UserError


def annotate(
    dataset: Annotated[str, typer.Argument(help="A folder with a metadata.csv, PATH or folder:PATH.")],
    categories: Annotated[list[str] | None, options.categories()] = None,
    limit: Annotated[int | None, options.limit(": clips of the folder.")] = None,
    no_proposals: Annotated[
        bool, options.own(options.HOW, "Propose nothing; needs no checkpoint.", "--no-proposals")
    ] = False,
    propose_only: Annotated[
        bool,
        options.own(options.HOW, "Propose for all clips that are left, for later, and show no page.", "--propose-only"),
    ] = False,
    profile: Annotated[str, options.profile("what the networks are, and which frames they see.")] = "paper",
    device: Device = "auto",
    port: Annotated[int, options.port("; it is for this machine alone.")] = 0,
    open_page: Annotated[bool, options.own(options.WHERE, "Open the page in a browser.", "--open")] = False,
) -> None:
    """Show clips on a local page with proposed words and captions, to accept or correct.

    GRiT and Tag2Text propose them.

    What is accepted goes into metadata.csv: the words that object and scene consistency look for, and the prompt, where
    a machine proposed it. Stopped at any moment, it goes on where it was.

    Example: i2vbench data annotate clips --categories Pet,Animal --limit 25
    """
    check_device(device)
    if propose_only and no_proposals:
        raise UserError("--propose-only and --no-proposals leave nothing to do")
    path = _folder(dataset)
    if not propose_only:
        check_pages()

    from i2vbench.annotate.command import Wish
    from i2vbench.annotate.command import annotate as run

    wish = Wish(
        path=path,
        categories=tuple(split(categories)) or None,
        limit=limit,
        profile=profile,
        device=device,
        proposals=not no_proposals,
        propose_only=propose_only,
        port=port,
        open=open_page,
    )
    raise typer.Exit(run(wish))


def _folder(dataset: str) -> Path:
    """The folder that is meant.

    Raises:
        UserError: It names a data set that is none, or nothing that is there.
    """
    from i2vbench.registry import DATASETS

    kind, colon, rest = dataset.partition(":")
    path = Path(rest if colon and kind == "folder" else dataset).expanduser()
    if not path.exists() and kind != "folder" and kind in DATASETS.builtin:
        raise UserError(
            f"data set '{dataset}' cannot be annotated: annotations go into the metadata.csv of a folder; "
            "make one with its clips (docs/add-a-data-set.md) and name that"
        )
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    return path
