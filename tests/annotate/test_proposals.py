"""What the networks see becomes words to choose from; rules for words; what is kept of both."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.annotate import networks
from i2vbench.annotate.networks import NetworkProposer, warner
from i2vbench.annotate.previews import video_preview
from i2vbench.annotate.proposals import Proposal, Seen, count, summarise
from i2vbench.annotate.proposing import Maker, contents, propose_into
from i2vbench.annotate.rules import Refused, decide
from i2vbench.annotate.store import FILE, Store
from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import METADATA
from i2vbench.entry import Entry
from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.profiles import Profile, load_profile
from i2vbench.registry import METRICS
from i2vbench.types import ClipSource, FrameSource, MetricInfo, Sample, Video
from i2vbench.video import write_video
from tests.annotate.start import Fake
from tests.conftest import ROOT, environment, moving_frames


@dataclass
class Frame:
    """What the metrics' `look` says of one frame."""

    names: list[str] = field(default_factory=list)
    text: str = ""
    tags: tuple[str, ...] = ()
    fault: str = ""


BEACH = Proposal(
    16,
    objects=(Seen("dog", 14), Seen("hot dog", 2)),
    captions=(Seen("a dog on a sandy beach near a parking lot", 12), Seen("a dog at the beach", 4)),
    tags=(Seen("dog", 16), Seen("parking lot", 12), Seen("beach", 16), Seen("sea", 9)),
)


def test_names_are_counted_by_frames_and_a_name_once_a_frame() -> None:
    frames = [Frame(["cat", "dog", "dog"]), Frame(["dog"]), Frame(["hot dog"]), Frame([""])]
    captions = [Frame(text="a dog", tags=("dog", "dog"))] * 3 + [Frame(text="", fault="out of memory")]
    seen = summarise(frames, captions)
    assert seen.objects == (Seen("dog", 2), Seen("cat", 1), Seen("hot dog", 1))
    assert (seen.captions, seen.tags, seen.frames) == ((Seen("a dog", 3),), (Seen("dog", 3),), 4)
    assert seen.faults == (Seen("scene: out of memory", 1),)


def test_a_frame_that_could_not_be_looked_at_counts_as_none() -> None:
    seen = summarise([Frame(["dog"], fault="no memory")] * 2, [])
    assert (seen.objects, seen.faults) == ((), (Seen("objects: no memory", 2),))


def test_nothing_seen_proposes_nothing() -> None:
    for seen in (summarise([Frame()] * 16, [Frame()] * 16), summarise([], []), Proposal(0)):
        assert (seen.first_caption(), seen.first_object(), seen.first_scene(), seen.scene_words()) == ("", "", "", [])
        assert (seen.seen_object("dog"), seen.seen_scene("dog"), seen.seen_scene("")) == (0, 0, 0)


def test_frames_are_counted_as_the_metrics_match() -> None:
    assert (BEACH.seen_object("dog"), BEACH.seen_object("Dog"), BEACH.seen_object("dogs")) == (14, 0, 0)
    assert (BEACH.seen_scene("beach"), BEACH.seen_scene("lot beach"), BEACH.seen_scene("park")) == (16, 12, 12)


def test_scene_words_stand_in_a_caption_and_the_first_one_is_a_tag_that_is_no_object() -> None:
    assert [(seen.text, seen.frames) for seen in BEACH.scene_words()] == [
        ("dog", 16), ("beach", 16), ("parking lot", 12), ("sandy", 12), ("parking", 12), ("lot", 12),
    ]  # fmt: skip
    assert BEACH.first_scene() == "beach"


def test_the_caption_of_most_frames_is_the_first() -> None:
    frames = [Frame(text="a cat"), Frame(text="a dog"), Frame(text="a dog"), Frame(text="a fox", fault="no memory")]
    assert summarise([], frames).first_caption() == "a dog"


@given(st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=6))
def test_counting_never_counts_a_frame_twice(frames: list[list[str]]) -> None:
    for seen in count(frames):
        assert 1 <= seen.frames <= len(frames)
        assert seen.frames == sum(seen.text in texts for texts in frames)


# A network writes what its vocabulary has; a broken code point could not be kept.
_TEXTS = st.lists(st.builds(Seen, st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 16))).map(tuple)


@given(st.builds(Proposal, st.integers(0, 16), _TEXTS, _TEXTS, _TEXTS, _TEXTS))
def test_a_kept_proposal_comes_back(proposal: Proposal) -> None:
    assert Proposal.from_json(proposal.as_json()) == proposal


# -- rules ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_what_is_taken_reads_back_from_a_table_as_it_is(prompt: str, objects: str, scene: str) -> None:
    before = Annotation("a dog.", prompt_state="proposed")
    try:
        taken = decide(before, prompt, objects, scene)
    except Refused:
        return
    assert decide(taken, taken.prompt, ";".join(taken.objects), taken.scene) == taken
    assert decide(before, taken.prompt, ";".join(taken.objects), taken.scene) == taken
    assert taken.prompt_state == "checked"
    assert taken.prompt
    assert taken.prompt == " ".join(taken.prompt.split())
    assert all(word and word == word.strip() and ";" not in word for word in taken.objects)


def test_a_prompt_is_checked_if_a_machine_proposed_it_or_it_was_changed() -> None:
    by_hand, proposed = Annotation("a dog.", ("dog",)), Annotation("a dog.", prompt_state="proposed")
    assert decide(by_hand, "a dog.", "cat", "") == Annotation("a dog.", ("cat",))
    assert decide(by_hand, " a  cat.", "dog", "") == Annotation("a cat.", ("dog",), "", "checked")
    assert decide(proposed, "a dog.", "", "") == Annotation("a dog.", prompt_state="checked")
    assert decide(proposed, "a cat.", "cat", "sea") == Annotation("a cat.", ("cat",), "sea", "checked")


def test_what_stands_in_the_table_is_not_judged_again() -> None:
    odd = Annotation("=a  " + "very " * 300, ("+1", "x" * 300), "-  2", "proposed")
    assert decide(odd, odd.prompt, "; ".join(odd.objects), odd.scene) == odd._replace(prompt_state="checked")
    with pytest.raises(Refused, match=r"prompt: 1,505 characters; expected at most 1,000"):
        decide(odd, odd.prompt + "x", "", "")


# -- the networks -----------------------------------------------------------------------------------------------------


class Objects(Metric):
    info = MetricInfo(id="object_consistency", title="", direction="higher", checkpoints=("grit_b_densecap_objectdet",))

    def measure(self, clips):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def look(self, video: Video) -> list[Frame]:
        return [Frame(["dog"])] * video.num_frames


class Scene(Objects):
    info = MetricInfo(
        id="scene_consistency", title="", direction="higher", checkpoints=("tag2text_swin_14m", "tag2text_tag_list")
    )

    def look(self, video: Video) -> list[Frame]:
        return [Frame(text="a dog on a beach", tags=("dog", "beach"))] * video.num_frames


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Objects.__module__
    found = {"object_consistency": Entry(f"{here}:Objects", ""), "scene_consistency": Entry(f"{here}:Scene", "")}
    monkeypatch.setattr(METRICS, "builtin", {**METRICS.builtin, **found})


SAMPLE = Sample("x", "Pet", "a dog.", FrameSource(Path("x.mp4"), 0.0), ClipSource(Path("x.mp4")))


def test_both_metrics_are_asked(metrics: None, monkeypatch: pytest.MonkeyPatch, small_profile: Profile) -> None:
    monkeypatch.setattr(networks, "missing", lambda names: [])
    monkeypatch.setattr(networks, "sha256_of", lambda name: "0" * 64)
    proposer = NetworkProposer(small_profile, "cpu")
    proposer.load()
    seen = proposer.propose(Video(moving_frames(4), 8))
    assert (seen.frames, seen.first_object(), seen.first_scene()) == (4, "dog", "beach")
    monkeypatch.setattr(networks, "sha256_of", lambda name: "1" * 64)
    assert NetworkProposer(small_profile, "cpu").identity != proposer.identity
    assert NetworkProposer(load_profile("paper"), "cpu").identity != NetworkProposer(small_profile, "cpu").identity


def test_missing_checkpoints_are_told_with_the_way_around(
    metrics: None, monkeypatch: pytest.MonkeyPatch, small_profile: Profile, tmp_path: Path
) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))
    with pytest.raises(UserError) as told:
        NetworkProposer(small_profile, "cpu")
    text = str(told.value)
    assert "--no-proposals" in text
    assert "object_consistency" in text
    assert text.endswith(
        "They come with: i2vbench weights fetch grit_b_densecap_objectdet tag2text_swin_14m tag2text_tag_list"
    )


def test_what_the_metrics_doubt_is_said(small_profile: Profile) -> None:
    warn = warner(small_profile)
    assert warn(SAMPLE) == ""
    assert "80 names" in warn(replace(SAMPLE, objects=("food",)))
    assert "'Beach' (written 'beach')" in warn(replace(SAMPLE, scene="Beach"))


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_contents_name_a_file_and_a_section(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")

    def of(name: str, start: float | None, end: float | None = None) -> str:
        path = tmp_path / name
        clip = None if start is None else ClipSource(path, start, end)
        return contents(Sample("x", "c", "p", FrameSource(path, start), clip))

    some = [of("a", None), of("a", 0.0), of("a", 0.5), of("a", 0.5, 2.0), of("b", 0.5, 2.0)]
    assert len(set(some)) == 5
    assert of("a", 0.5, 2.0) == of("a", 0.5000001, 2.0)


def test_a_damaged_store_is_told_and_a_damaged_proposal_is_made_anew(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.keep("clip", "me", BEACH)
        store.keep("other", "me", BEACH)
        assert store.proposal("clip", "me") == BEACH
        assert store.proposal("clip", "somebody") is None
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE proposal SET seen = '[1]' WHERE clip = 'clip'")
    db.close()
    with Store(tmp_path) as store:
        assert store.proposal("clip", "me") is None
        assert store.proposal("other", "me") == BEACH
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(UserError, match="delete it to propose anew"):
        Store(tmp_path)
    (tmp_path / FILE).unlink()
    with Store(tmp_path) as store, pytest.raises(UserError, match="another process"):
        Store(tmp_path)
    assert store


class Broken(Fake):
    def load(self) -> None:
        self.loads += 1
        raise MemoryError("CUDA out of memory")


def test_what_fails_is_a_reason_beside_its_clip(folder: Path, small_profile: Profile) -> None:
    (folder / "clip-1.mp4").write_bytes(b"no video")
    write_video(folder / "clip-2.mp4", Video(moving_frames(2), 8))
    samples, broken = FolderDataset(str(folder)).samples(), Broken()
    with Store(folder) as store:

        def propose(proposer: Any) -> list[str]:
            maker = Maker(proposer, store, small_profile.protocol)
            return [maker.propose(sample).reason for sample in samples]

        reasons = propose(Fake())
        assert (reasons[0], reasons[3]) == ("", "")
        assert "is not a video" in reasons[1]
        assert "the protocol takes 4 frames" in reasons[2]
        store._database._db.execute("DELETE FROM proposal")
        reasons = propose(broken)
    assert "the networks could not be loaded: MemoryError: CUDA out of memory" in reasons[0]
    assert broken.loads == 1


def test_a_picture_is_looked_at_as_one_frame(folder: Path, small_profile: Profile) -> None:
    samples = FolderDataset(str(folder)).samples()
    with Store(folder) as store:
        made = Maker(Fake(), store, small_profile.protocol).propose(samples[3])
    assert made.proposal is not None
    assert made.proposal.frames == 1


def test_a_long_section_is_shown_whole(tmp_path: Path) -> None:
    from i2vbench.video import probe

    frames = np.repeat(moving_frames(8, 32, 48), 100, axis=0)
    write_video(tmp_path / "x.mp4", Video(frames, 80.0))
    path = tmp_path / "x.mp4"
    sample = Sample("x", "c", "p", FrameSource(path, 1.0), ClipSource(path, 1.0, 10.0))
    (tmp_path / "shown.mp4").write_bytes(video_preview(sample))
    shown = probe(tmp_path / "shown.mp4")
    assert shown.num_frames <= 300
    assert shown.num_frames / shown.fps == pytest.approx(9.0, abs=0.1)


# -- proposing without the page ---------------------------------------------------------------------------------------


def test_all_clips_of_a_folder_are_proposed_for_once(folder: Path, small_profile: Profile) -> None:
    (folder / "clip-1.mp4").write_bytes(b"no video")
    table = folder / METADATA
    table.write_text(re.sub(r"(clip|picture) number \d\.", "placeholder", table.read_text()))
    before, lines = table.read_bytes(), list[str]()
    samples, proposer = FolderDataset(str(folder)).samples(), Fake()
    with Store(folder) as store:
        found = propose_into(store, samples, proposer, small_profile.protocol, lines.append)
    assert list(found) == ["clip-0", "clip-2", "image-0"]
    assert found["clip-0"].first_caption() == "a dog running on a sandy beach next to the water"
    assert lines[0] == "1/4 clip-0: proposed"
    assert "2/4 clip-1: " in lines[1]
    assert "is not a video" in lines[1]
    assert table.read_bytes() == before, "proposals are no annotations"
    with Store(folder) as store:
        again = Fake()
        assert propose_into(store, samples, again, small_profile.protocol, lines.append) == found
    assert (proposer.loads, again.loads) == (1, 0)


def test_a_proposal_that_cannot_be_kept_ends_it(folder: Path, small_profile: Profile) -> None:
    samples = FolderDataset(str(folder)).samples()
    with Store(folder) as store:
        store._database._db.execute("PRAGMA query_only = ON")
        with pytest.raises(UserError, match=r"the proposal for 'clip-0' could not be kept: .*readonly"):
            propose_into(store, samples, Fake(), small_profile.protocol, lambda line: None)


PROPOSE = """
import sys
from pathlib import Path
from i2vbench.annotate.proposing import propose_into
from i2vbench.annotate.store import Store
from i2vbench.datasets.folder import FolderDataset
from i2vbench.profiles import load_profile
from tests.annotate.start import Fake
folder = Path(sys.argv[1])
with Store(folder) as store:
    profile = load_profile(str(folder.parent / "small.toml"))
    samples = FolderDataset(str(folder)).samples()
    propose_into(store, samples, Fake(0.3), profile.protocol, lambda line: print(line, flush=True))
"""


def test_killed_while_proposing_it_goes_on_where_it_was(folder: Path, small_profile: Profile) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROPOSE, str(folder)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(2)]
    process.kill()
    process.communicate()
    assert said == ["1/4 clip-0: proposed\n", "2/4 clip-1: proposed\n"]
    looked: list[int] = []

    class Counting(Fake):
        def propose(self, video: Video) -> Proposal:
            looked.append(video.num_frames)
            return super().propose(video)

    samples = FolderDataset(str(folder)).samples()
    with Store(folder) as store:
        assert len(propose_into(store, samples, Counting(), small_profile.protocol, lambda line: None)) == 4
    assert len(looked) <= 2
