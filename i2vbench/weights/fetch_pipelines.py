"""Bringing pipelines of the diffusers library here: only what they are made of, and safetensors alone."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.weights import hub
from i2vbench.weights.catalogue import human_size
from i2vbench.weights.hub import split_hub_name
from i2vbench.weights.pipelines import Bundle, files_of
from i2vbench.weights.places import offline
from i2vbench.weights.progress import Transfers


def fetch_bundle(bundle: Bundle, watch: Transfers) -> Path:
    """Bring what a pipeline needs of one repository into the hub's cache; what is there is left alone.

    Args:
        bundle: What is wanted, by its name on the hub.
        watch: Is told how far it is, how large it is, and under which licence it comes.

    Returns:
        Its folder.

    Raises:
        UserError: It cannot be had, lacks something, or is not safe to load.
    """
    name, (repo, revision) = bundle.name, split_hub_name(bundle.name)
    if offline():
        raise UserError(f"pipeline {name} is not fetched: HF_HUB_OFFLINE forbids the network")
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    with _told(name, repo):
        info = HfApi().model_info(repo, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        if absent := [file for file in bundle.files if file not in sizes]:
            raise UserError(f"{name} is no pipeline of the diffusers library: it has no {absent[0]}")
        first = [Path(hf_hub_download(repo, file, revision=revision)) for file in bundle.files]
        index = bundle.index(first[0].parent if first else Path())
        files = files_of(index, sizes)
        if files.lacking:
            raise UserError(f"pipeline {name}: the repository lacks {', '.join(files.lacking)}")
        total = sum(sizes[file] for file in files.all)
        licence = getattr(info.card_data, "license", None) or "licence not stated"
        watch.say(f"fetching {name} ({human_size(total)}; {licence})")
        with hub.followed(repo, total, partial(watch.tell, name)):
            patterns = [glob.escape(file) for file in files.all]
            folder = Path(snapshot_download(repo, revision=revision, allow_patterns=patterns))
    _, bad = hub.verify_folder(folder)
    if bad:
        raise UserError(f"pipeline {name}: {', '.join(bad)} in {folder} came damaged; delete them and fetch again")
    return folder


@contextmanager
def _told(name: str, repo: str) -> Iterator[None]:
    """Turn what the hub's library raises into a sentence."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except GatedRepoError as error:
        raise UserError(
            f"pipeline {name} is gated: accept its terms at https://huggingface.co/{repo}, then log in with "
            "`hf auth login` or set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"pipeline {name} was not found: there is no repository {repo}, or it is private and you are not logged in"
        ) from error
    except RevisionNotFoundError as error:
        raise UserError(f"pipeline {name} was not found: {repo} has no such revision") from error
    except UserError:
        raise
    except Exception as error:  # the library's own kinds, and those of what it is built on
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise UserError(f"pipeline {name} could not be fetched: {reason or type(error).__name__}") from error
