"""The store in a folder: what is there stays, what is broken is made again, other settings are refused (a second)."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.small_images import question, tiny_loaded
from vitexplain.errors import OutputError, UsageError
from vitexplain.evaluation.store import FolderStore, MemoryStore, Store, open_store


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_arrays_come_back_as_they_were(kind: str, tmp_path: Path) -> None:
    store: Store = MemoryStore() if kind == "memory" else FolderStore(tmp_path)
    assert not store.read("a")
    store.write("a", {"scores flow:layers=1:2 2": np.array([1.0, 1 / 3]), "image": np.array([1, 2])})
    found = store.read("a")
    np.testing.assert_array_equal(found["scores flow:layers=1:2 2"], [1.0, 1 / 3])
    assert set(found) == {"scores flow:layers=1:2 2", "image"}
    assert found["image"].dtype == np.int64


def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("a", {"image": np.array([1, 2])})
    path = tmp_path / "scores" / "a.npz"
    path.write_bytes(path.read_bytes()[:50])
    assert not store.read("a")
    store.write("a", {"image": np.array([3])})
    assert list(store.read("a")["image"]) == [3]


def test_a_file_that_claims_more_than_it_holds_counts_as_none(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("a", {"image": np.array([1, 2])})
    path = tmp_path / "scores" / "a.npz"
    whole = path.read_bytes()
    np.savez_compressed(path, image=np.zeros(50_000_000))
    assert path.stat().st_size < 1e6
    tracemalloc.start()
    assert not store.read("a")
    path.write_bytes(whole.replace(b"(2,)", b"(2000000000000,)"))
    assert not store.read("a")
    with path.open("wb") as file:
        file.truncate(40 << 30)
    assert not store.read("a")
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
    for place in (os.mkfifo, Path.mkdir):
        path.unlink()
        place(path)
        assert not store.read("a")


def test_a_folder_belongs_to_one_model_view_and_target(tmp_path: Path) -> None:
    model, asked = tiny_loaded(), question("raw")
    with open_store(tmp_path, model, asked):
        pass
    with open_store(tmp_path, model, question("flow", "rollout", seed=3)):
        pass
    for other in (replace(asked, target="2"), replace(asked, view="squash")):
        with pytest.raises(UsageError, match="other settings"), open_store(tmp_path, model, other):
            pass


def test_a_foreign_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"schema": "vitexplain-batch/1"}')
    with pytest.raises(OutputError, match="not an evaluation"), open_store(tmp_path, tiny_loaded(), question("raw")):
        pass


def test_foreign_results_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "evaluation.csv").write_text("mine")
    with pytest.raises(OutputError, match="without the manifest"), open_store(tmp_path, tiny_loaded(), question("raw")):
        pass
    assert (tmp_path / "evaluation.csv").read_text() == "mine"


def test_an_older_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    model, asked = tiny_loaded(), question("raw")
    with open_store(tmp_path, model, asked):
        pass
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("vitexplain-evaluation/2", "vitexplain-evaluation/1"))
    words = "schema vitexplain-evaluation/1, now vitexplain-evaluation/2: give the same ones, or another folder"
    with pytest.raises(UsageError, match=words), open_store(tmp_path, model, asked):
        pass
