"""`i2vbench weights ...`: which checkpoints there are, and bringing them here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import complete
from i2vbench.cli.arguments import check_choice
from i2vbench.cli.options import Json, Quiet
from i2vbench.cli.output import plain_lines, print_json
from i2vbench.cli.shape import add, new_group
from i2vbench.errors import UserError

if TYPE_CHECKING:
    from i2vbench.weights.progress import Transfers

app = new_group(invoke_without_command=True)

KINDS = ("metric", "model", "profile", "curation")
_Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Checkpoints by name.", autocompletion=complete.checkpoints),
]
_Wanted = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Checkpoints by name; diffusers:OWNER/REPO is a pipeline of the hub.",
        autocompletion=complete.checkpoints,
    ),
]
_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The checkpoint's name.", autocompletion=complete.checkpoints)
]


@app.callback()
def _list(
    context: typer.Context,
    json_output: Json = False,
) -> None:
    """List the checkpoints; with a command, fetch, verify, import or trust them.

    They are those of models and metrics. Of each there is what uses it, size, licence, source, whether it is here, and
    what its hash is held to: pinned by the catalogue, recorded when it was first seen, or unknown; a folder's files
    have one each.

    Example: i2vbench weights
    """
    if context.invoked_subcommand is not None:
        return
    from i2vbench.weights import load_catalogue
    from i2vbench.weights.places import cache_folder
    from i2vbench.weights.report import listing
    from i2vbench.weights.store import details

    rows = [details(facts) for facts in load_catalogue().values()]
    if json_output:
        print_json(rows)
        return
    print("\n".join(listing(rows)))
    print(f"\nFiles go to {cache_folder()} (I2VBENCH_CACHE), those of the Hugging Face hub to its cache (HF_HOME).")


def fetch(
    names: _Wanted = None,
    needed: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--for",
            metavar="KIND NAME",
            help="All that a metric, model, profile or curation (paper, tiny) needs: --for metric fvd.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fetch checkpoints, several at once.

    Without a name, these are all but the optional ones. Stopped at any moment, the same command goes on where it was.
    Exit code 1 if any failed.

    Example: i2vbench weights fetch --for metric fvd
    """
    from i2vbench.weights import entry, load_catalogue, missing
    from i2vbench.weights.fetch import fetch as fetch_all
    from i2vbench.weights.fetch import total_text
    from i2vbench.weights.places import offline
    from i2vbench.weights.progress import choose

    pipelines, chosen = split_pipelines([*(names or ()), *(needed_for(*needed) if needed else ())])
    if not names and not needed:
        chosen = [facts.name for facts in load_catalogue().values() if not facts.optional and not facts.bundled]
    entries = [entry(name) for name in chosen]
    if needed and not (chosen or pipelines or quiet):
        print(f"{' '.join(needed)} needs no checkpoint", file=sys.stderr)
    absent = missing(chosen)
    if absent and not quiet and not offline():
        print(f"fetching {', '.join(facts.name for facts in absent)} ({total_text(absent)})", file=sys.stderr)
        for facts in absent:
            print(f"  {facts.name}: {facts.licence}", file=sys.stderr)
    with choose(quiet) as watch:
        reasons = fetch_all(entries, watch) + fetch_pipelines(pipelines, watch)
    for reason in reasons:
        print(f"i2vbench: {plain_lines(reason)}", file=sys.stderr)
    if reasons:
        raise typer.Exit(1)


def split_pipelines(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(pipelines of diffusers, without what stands before them; the other names), each once, in order."""
    from i2vbench.weights.pipelines import PREFIX

    pipelines = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
    return list(dict.fromkeys(pipelines)), list(dict.fromkeys(name for name in names if not name.startswith(PREFIX)))


def fetch_pipelines(names: Sequence[str], watch: Transfers) -> list[str]:
    """Bring pipelines of the hub here, one after another, each with every repository it is made of.

    Those that are here whole are left alone.

    Returns:
        A sentence for each that could not be had.
    """
    if not names:
        return []
    from i2vbench.models.diffusers.place import bundles_to_fetch, find_place
    from i2vbench.names import split_label
    from i2vbench.weights.fetch_pipelines import fetch_bundle

    reasons = []
    for name in names:
        where = split_label(name)[1]
        with suppress(UserError):
            watch.say(f"{where}: {find_place(where).check_here()}")
            continue
        try:
            for bundle in bundles_to_fetch(where):
                watch.say(f"{bundle.name}: {fetch_bundle(bundle, watch)}")
        except UserError as error:
            reasons.append(str(error))
    return reasons


def verify(names: _Names = None) -> None:
    """Read and hash every checkpoint that is here.

    Exit code 1 if one is not what it is called.

    Example: i2vbench weights verify i3d_tats
    """
    from i2vbench.weights import entry, load_catalogue
    from i2vbench.weights.bring import verify as verify_all

    entries = [entry(name) for name in names] if names else list(load_catalogue().values())
    bad = 0
    for facts, text, good in verify_all(entries):
        print(f"{'good' if good else 'BAD '}  {facts.name}: {text}", flush=True)
        bad += not good
    if bad:
        raise typer.Exit(1)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file, under any name.")],
    name: _Name,
    sha256: Annotated[
        str, typer.Option(metavar="SHA256", help="Of TorchScript: the hash of the file that you trust to run.")
    ] = "",
) -> None:
    """Copy a checkpoint's file in: for machines without a network.

    Its size, hash, tensor names and shapes are checked before.

    Example: i2vbench weights import i3d_torchscript.pt i3d_tats
    """
    from i2vbench.weights import entry
    from i2vbench.weights.bring import import_file

    print(import_file(file, entry(name), sha256))


def trust(
    name: _Name, sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The hash of the file that you trust.")]
) -> None:
    """Let a TorchScript file run.

    It can hold code, so its hash comes from you, not from what was downloaded.

    Example: i2vbench weights trust i3d_torchscript 0000000000000000000000000000000000000000000000000000000000000000
    """
    from i2vbench.weights import entry
    from i2vbench.weights.bring import trust_script

    trust_script(entry(name), sha256)
    print(f"{name} is run from now on, as long as its SHA-256 is {sha256}")


add(app, "fetch", fetch)
add(app, "verify", verify)
add(app, "import", import_)
add(app, "trust", trust)


def needed_for(kind: str, name: str) -> list[str]:
    """The names of the checkpoints, or of the pipeline of the hub, that a metric, model, profile or curation needs.

    Raises:
        UserError: There is no such kind or thing.
    """
    from i2vbench.weights import load_catalogue

    check_choice("--for", kind, KINDS)
    if kind == "metric":
        from i2vbench.registry import METRICS

        metric = METRICS.create(name)
        source = metric if not metric.info.features_of else METRICS.create(metric.info.features_of)
        return list(source.info.checkpoints)
    if kind == "profile":
        from i2vbench.profiles import load_profile

        return list(dict.fromkeys(name for names in load_profile(name).checkpoints.values() for name in names))
    if kind == "curation":
        from i2vbench.curation.scores import networks

        return list(networks(name).checkpoints)
    from i2vbench.weights.pipelines import PREFIX

    if name.startswith(PREFIX):
        return [name]
    user = f"{kind} {name.partition(':')[0]}"  # a variant, consisti2v:no-frameinit, reads what the thing reads
    needed = [facts.name for facts in load_catalogue().values() if user in facts.used_by]
    if not needed:  # refuses a model that there is none of; one that needs nothing is fine
        from i2vbench.registry import MODELS

        MODELS.check_name(name)
    return needed
