"""What the page's server says to be saved is saved, and what it refuses it says."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.check import check_folder
from i2vbench.datasets.metadata import METADATA
from tests.annotate.page import PROMPTS, Annotating, Start, Words, annotations, make_proposed, shown, words


def test_what_a_person_decides_is_in_the_table_when_the_answer_comes(start: Start, folder: Path) -> None:
    page = start()
    assert [clip["state"] for clip in page.ask("clips").json["clips"]] == ["left"] * 4
    assert page.proposed(0)["proposal"]["first"] == {"objects": "dog", "scene": "beach"}
    answer = page.decide(0, "annotate", " hot  dog ; ball", " sandy  beach ")
    assert answer.status == 200, answer
    assert (answer.json["state"], answer.json["objects"], answer.json["scene"]) == (
        "annotated", ["hot dog", "ball"], "sandy beach",
    )  # fmt: skip
    assert words(folder)["clip-0"] == Words(("hot dog", "ball"), "sandy beach")
    assert page.decide(1, "reject").json["state"] == "rejected"
    assert page.decide(3, "annotate", "dog").json["state"] == "annotated"
    assert check_folder(folder) == []
    assert [clip["state"] for clip in page.ask("clips").json["clips"]] == ["annotated", "rejected", "left", "annotated"]
    code, output, _ = page.end()
    assert code == 130
    assert "This time: 2 annotated, 1 rejected. Clips with words: 2 of 4; left: 1." in output
    assert f"i2vbench data check {folder}; i2vbench run --dataset folder:{folder}" in output

    again = start()
    assert [clip["state"] for clip in again.ask("clips").json["clips"]] == [
        "annotated",
        "rejected",
        "left",
        "annotated",
    ]
    (folder / "clip-1.mp4").write_bytes((folder / "clip-2.mp4").read_bytes())
    assert again.end(signal.SIGTERM)[0] == 143
    assert start().clip(1)["state"] == "left", "a rejected clip that shows something else is asked about again"


def test_a_decision_can_be_taken_back(start: Start, folder: Path) -> None:
    page = start()
    table = (folder / METADATA).read_bytes()
    page.decide(0, "annotate", "dog", "beach")
    assert page.decide(0, "undo", before=shown(0, ["dog"], "beach")).json["state"] == "left"
    page.decide(1, "reject")
    assert page.decide(1, "undo").json["state"] == "left"
    assert words(folder) == dict.fromkeys(words(folder), Words())
    page.decide(1, "reject")
    assert page.decide(1, "annotate", "dog").json["state"] == "annotated"
    assert page.decide(1, "undo", before=shown(1, ["dog"])).json["state"] == "rejected"
    answer = page.decide(1, "undo")
    assert (answer.status, answer.json["why"]) == (422, "there is nothing to undo")
    assert page.decide(1, "annotate", "dog").json["state"] == "annotated"
    assert page.decide(1, "reject", before=shown(1, ["dog"])).json["state"] == "rejected"
    assert (folder / METADATA).read_bytes().count(b"\r\n") == table.count(b"\r\n")
    assert "This time: 0 annotated, 1 rejected. Clips with words: 0 of 4" in page.end()[1]


def test_a_proposed_prompt_is_checked_by_accepting_or_correcting_it(start: Start, folder: Path) -> None:
    make_proposed(folder)
    table = folder / METADATA
    table.write_text(table.read_text().replace("clip number 0.,,", "clip number 0.,dog,"))
    page = start()

    def states() -> list[str]:
        return [clip["state"] for clip in page.ask("clips").json["clips"]]

    assert states() == ["left"] * 4, "words or not"
    first = shown(0, ["dog"], prompt_state="proposed")
    clip = page.clip(0)
    assert clip == clip | first
    typed = {"prompt": PROMPTS[0], "objects": "dog", "scene": ""}
    said = page.ask("clips/0/check", typed).json["prompt"]
    assert said == [{"text": "a machine wrote this; accepting says that it is right", "bad": False}]
    page.decide(0, "annotate", "dog", "beach", before=first)
    second = shown(1, prompt_state="proposed")
    page.decide(1, "annotate", before=second, prompt=" a  dog, running.")
    page.decide(2, "reject", before=shown(2, prompt_state="proposed"), prompt="not saved")
    assert page.decide(3, "annotate", prompt="a cat.").status == 200, "no words, but a prompt"
    assert annotations(folder) == {
        "clip-0": Annotation(PROMPTS[0], ("dog",), "beach", "checked"),
        "clip-1": Annotation("a dog, running.", (), "", "checked"),
        "clip-2": Annotation(PROMPTS[2], (), "", "proposed"),
        "image-0": Annotation("a cat.", (), "", "checked"),
    }
    assert states() == ["annotated", "annotated", "rejected", "annotated"]
    assert [clip["has_words"] for clip in page.ask("clips").json["clips"]] == [True, False, False, False]

    corrected = {"prompt": "a dog, running.", "objects": [], "scene": "", "prompt_state": "checked"}
    assert page.decide(1, "undo", before=corrected).status == 200
    clip = page.clip(1)
    assert clip == clip | second
    assert page.decide(1, "annotate", before=corrected, prompt="a cat.").status == 409
    assert states() == ["annotated", "left", "rejected", "annotated"]
    output = page.end()[1]
    assert "This time: 2 annotated, 1 rejected. Clips with words: 1 of 4; left: 1. Prompts that a machine" in output
    assert "Prompts that a machine proposed and nobody has checked: 2." in output


def test_a_table_without_states_gets_none_for_words_alone(start: Start, folder: Path) -> None:
    page = start()
    page.decide(0, "annotate", "dog")
    assert "prompt_state" not in (folder / METADATA).read_text()
    page.decide(1, "annotate", "dog", prompt="a dog.")
    assert [found.prompt_state for found in annotations(folder).values()] == ["", "checked", "", ""]
    page.decide(1, "undo", before=shown(1, ["dog"], prompt="a dog.", prompt_state="checked"))
    assert annotations(folder)["clip-1"] == Annotation(PROMPTS[1])


def test_another_program_that_writes_too(start: Start, folder: Path) -> None:
    page = start()
    table = folder / METADATA
    page.clip(0)
    text = table.read_text()
    table.write_text(text.replace("clip number 0.,,", "clip number 0.,cat,").replace("number 1.", "number one."))
    answer = page.decide(0, "annotate", "dog", "beach")
    assert answer.status == 409
    assert answer.json["why"] == "another program has changed 'clip-0' to objects 'cat'"
    assert page.clip(0)["objects"] == ["cat"]
    assert page.decide(0, "annotate", "dog", "beach", before=shown(0, ["cat"])).status == 200
    assert "clip number one." in table.read_text()
    table.write_text("not,a,table\n")
    assert "missing columns" in page.clip(1)["trouble"]
    assert page.decide(1, "annotate", "dog").status == 409
    assert table.read_text() == "not,a,table\n"
    table.unlink()
    assert "has no metadata.csv" in page.clip(1)["trouble"]
    assert page.decide(1, "annotate", "dog").status == 507


@pytest.mark.parametrize(
    ("objects", "scene", "says"),
    [
        (" ; ", "  ", "no word to save"),
        ("dog\n", "", "objects: holds a character that cannot be seen (U+000A)"),
        ("", "sea\u202e", "U+202E"),
        ("\ud800", "", "not what the page sends"),
        ("x" * 201, "", "201 characters; expected at most 200"),
        ("x" * 801, "", "not what the page sends"),
        ("=1+1", "", "formula"),
        ("dog; @x", "", "formula"),
    ],
)
def test_words_that_are_refused(annotating: Annotating, objects: str, scene: str, says: str) -> None:
    before = (annotating.folder / METADATA).read_bytes()
    answer = annotating.decide(0, "annotate", objects, scene)
    assert answer.status == 422
    assert says in answer.json["why"]
    assert (annotating.folder / METADATA).read_bytes() == before


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("  ", "prompt: is empty; expected what is to be seen in the clip"),
        ("a dog\nruns", "prompt: holds a character that cannot be seen (U+000A)"),
        ("a dog \u202eruns", "U+202E"),
        ("x" * 1001, "prompt: 1,001 characters; expected at most 1,000"),
        ("=HYPERLINK(1)", "formula"),
    ],
)
def test_prompts_that_are_refused(annotating: Annotating, prompt: str, says: str) -> None:
    before = (annotating.folder / METADATA).read_bytes()
    answer = annotating.decide(0, "annotate", "dog", prompt=prompt)
    assert answer.status == 422
    assert says in answer.json["why"]
    assert annotating.ask("clips/0/check", {"prompt": prompt, "objects": "", "scene": ""}).json["fault"]
    assert (annotating.folder / METADATA).read_bytes() == before


def test_warnings_stand_beside_words(annotating: Annotating) -> None:
    annotating.proposed(0)
    typed = {"prompt": PROMPTS[0], "objects": "Dog; dog; food; a cat", "scene": "beach"}
    said = annotating.ask("clips/0/check", typed).json
    otherwise = "object words that the detector writes otherwise, so that no frame matches to the letter"
    unknown = "object words outside of the detector's 80 names, which no frame can match"
    assert said["objects"] == [
        {"text": f"{otherwise}: 'Dog' for 'dog'", "bad": True},
        {"text": "'dog' was seen in 3 of 4 frames", "bad": False},
        {"text": f"{unknown}: 'food'", "bad": True},
        {"text": f"{otherwise}: 'a cat' for 'cat'", "bad": True},
        {"text": "the paper's protocol takes one object word a clip", "bad": False},
    ]
    assert said["scene"] == [{"text": "'beach' stands in the captions of 4 of 4 frames", "bad": False}]
    assert said["prompt"] == []
    typed = {"prompt": "a dog on the beach", "objects": "", "scene": ""}
    assert annotating.ask("clips/0/check", typed).json["prompt"] == [
        {"text": "the caption of 1 of 4 frames", "bad": False}
    ]
    assert annotating.ask("clips/0/check", {**typed, "scene": "a\tb"}).json["fault"].startswith("scene: holds")


def test_what_the_page_shows_of_a_clip(annotating: Annotating) -> None:
    video = annotating.ask("clips/0/video")
    assert (video.status, video.headers["content-type"], video.body[4:8]) == (200, "video/mp4", b"ftyp")
    frame = annotating.ask("clips/3/frame")
    assert (frame.headers["content-type"], frame.body[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert annotating.ask("clips/3/video").status == 404
    (annotating.folder / "clip-2.mp4").write_bytes(b"no video")
    answer = annotating.ask("clips/2/video")
    assert answer.status == 404
    assert "is not a video" in answer.json["why"]
    assert str(annotating.folder) not in answer.body.decode()
