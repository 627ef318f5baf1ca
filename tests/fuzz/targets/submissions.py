"""Submissions to the leaderboards."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from i2vbench.errors import UserError
from tests.fuzz.mutate import mutate, mutate_json
from tests.fuzz.target import target, texts, written
from tests.fuzz.targets.runs import made_run


def _cells(room: Path) -> Sequence[bytes]:
    cell = {
        "metric": "fvd",
        "category": None,
        "value": "1.5",
        "n": 2,
        "planned": 3,
        "low": "1",
        "high": "2",
        "note": "",
    }
    clip = {"sample": "a", "category": "Pet", "prompt": "x", "seed": 0, "scores": {"fvd": "1.5"}}
    record = {
        **{"format": 1, "board": "msrvtt", "model": "m", "i2vbench": "1", "reasons": [], "facts": {"a": "b"}},
        **{"notes": ["x"], "clips": [clip], "cells": [cell]},
    }
    return [json.dumps(record).encode()]


@target(_cells, mutate_json)
def cells_json(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.folders.record import parse_record

    parse_record(data).as_bytes()


@target(
    texts(
        "sample,category,seed,metric,state,value,reason\n"
        'a,Pet,0,clipsim,done,0.5,\na,Pet,0,fvd,failed,,"too short, they say"\n'
    )
)
def scores_csv(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.folders.scores import parse_scores

    parse_scores(data)


def _cards(room: Path) -> Sequence[bytes]:
    from i2vbench.leaderboards.folders.card import Card, starting_card

    return [starting_card(Card(board="msrvtt", model="m", name="M", title="A model", authors=("A. Author",)))]


@target(_cards)
def entry_toml(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.folders.card import faults_of_card, read_card

    faults_of_card(read_card(written(room, "entry.toml", data)), True)


def _submissions(room: Path) -> Sequence[bytes]:
    from i2vbench.leaderboards.submission.pack import Wish, pack

    packed = room / "packed.zip"
    pack(Wish(run=made_run(), out=packed, videos=True, contact="A. Author, a@example.org"))
    return [packed.read_bytes()]


def change_submission(example: bytes, random: Random) -> bytes:
    """An archive whose bytes are wrong, or that is well made of something wrong."""
    from tests.leaderboards.submission.archives import put_together, seal

    if random.random() < 0.2:
        return mutate(example, random)
    with zipfile.ZipFile(io.BytesIO(example)) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    name = random.choice([one for one in parts if one.endswith((".json", ".jsonl", ".csv", ".npy"))])
    if name.endswith(".json"):
        parts[name] = mutate_json(parts[name], random) + b"\n"
    elif name.endswith(".jsonl"):
        lines = parts[name].splitlines()
        place = random.randrange(len(lines))
        lines[place] = mutate_json(lines[place], random)
        parts[name] = b"".join(line + b"\n" for line in lines)
    else:
        parts[name] = mutate(parts[name], random)
    try:
        return put_together(parts) if name == "manifest.json" else seal(parts)
    except UserError:  # too large a part: the writer refuses it before a reader has to
        return example


@target(_submissions, change_submission, share=0.2)
def submission(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.submission.verify import Wish, verify

    path = written(room, "archive.zip", data)
    inside = room / "inside"
    inside.mkdir()
    try:
        verify(Wish(archive=path, recompute_only=True, device="cpu"), inside)
    finally:
        shutil.rmtree(inside)
