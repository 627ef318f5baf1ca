"""A stand-in for the Hugging Face hub: its interface as the hub's library asks for it, over a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.site import Answer, Request, Site, good

COMMIT = "c" * 40


def publish(site: Site, repo: str, folder: Path, *, licence: str = "mit", revision: str = "main") -> None:
    """Serve a folder as a repository, with the SHA-256 of its large files."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    siblings = [_sibling(name, contents) for name, contents in sorted(files.items())]
    about = {"id": repo, "sha": COMMIT, "siblings": siblings, "cardData": {"license": licence}}
    info = good(json.dumps(about).encode(), kind="application/json")
    for place in ("", f"/revision/{revision}", f"/revision/{COMMIT}"):
        for query in ("", "?blobs=true"):
            site.answers[f"/api/models/{repo}{place}{query}"] = info
    tree = [{"type": "file", "path": s["rfilename"], "size": s["size"], "oid": s["blobId"]} for s in siblings]
    site.answers[f"/api/models/{repo}/tree/{COMMIT}?recursive=true&expand=false"] = good(
        json.dumps(tree).encode(), kind="application/json"
    )
    for name, contents in files.items():
        for place in (revision, COMMIT):
            site.answers[f"/{repo}/resolve/{place}/{name}"] = good(contents)
            site.answers[f"HEAD /{repo}/resolve/{place}/{name}"] = _head(name, contents)


def refuse(site: Site, repo: str, code: str, status: int = 403) -> None:
    """Answer as the hub does for a repository that is gated, or not there."""

    def answer(request: Request) -> None:
        request.head(status, X_Error_Code=code, X_Error_Message="no", Content_Length=0)

    site.answers |= {f"/api/models/{repo}?blobs=true": answer, f"/api/models/{repo}": answer}


def _sibling(name: str, contents: bytes) -> dict[str, object]:
    sha256 = hashlib.sha256(contents).hexdigest()
    about: dict[str, object] = {"rfilename": name, "size": len(contents), "blobId": _git_id(contents)}
    if name.endswith(".safetensors"):
        about["lfs"] = {"sha256": sha256, "size": len(contents), "pointerSize": 130}
    return about


def _head(name: str, contents: bytes) -> Answer:
    large = name.endswith(".safetensors")
    tag = hashlib.sha256(contents).hexdigest() if large else _git_id(contents)

    def answer(request: Request) -> None:
        request.head(200, X_Repo_Commit=COMMIT, ETag=f'"{tag}"', Content_Length=len(contents))

    return answer


def _git_id(contents: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents).hexdigest()
