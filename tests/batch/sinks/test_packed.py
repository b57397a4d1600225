"""The pictures of a part in one tar, and its raw scores in one .npz."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.given_result import explanation, picture, result
from vitexplain.batch.inputs import Input
from vitexplain.batch.parts import Part
from vitexplain.batch.sinks.packed import PictureTars, ScoreArchives
from vitexplain.batch.sinks.parts import PartsSink, PartWork
from vitexplain.batch.sinks.pictures import PictureFolders, Pictures
from vitexplain.batch.sinks.tables import JsonLinesTable
from vitexplain.errors import InputError, OutputError
from vitexplain.output import FolderDestination, WriteOptions, line
from vitexplain.output.run_folder import MANIFEST
from vitexplain.result import Failure, Result

KEYS = ("a-b.jpg", "a.jpg", "birds/owl.jpg", "birds/\udcff\u732b.jpg")


def explained(key: str) -> Result:
    """Return the result of a picture of its own, by two methods."""
    given = picture(f"photos/{key}", seed=len(key))
    return result(given, (explanation("rollout"), replace(explanation("raw"), scores=np.eye(4) * len(key))))


def write_part(folder: Path, place: Pictures, work: PartWork, write: WriteOptions) -> list[Mapping[str, Any]]:
    """Write what is left of a part, the pictures from the last to the first; return the records."""
    (folder / MANIFEST).write_bytes(b"{}\n")
    with PartsSink(FolderDestination(folder), write, JsonLinesTable(), place) as sink:
        given = list(sink.inputs([work]))
        records = {each.name: sink.keep(each, explained(each.name)) for each in reversed(given)}
        return [record for each in given for record in sink.write(each, records[each.name])]


def part_of(keys: Sequence[str]) -> PartWork:
    return PartWork(Part(2, 1), "", tuple(Input(f"photos/{key}", key) for key in keys))


def packed(folder: Path) -> Pictures:
    destination = FolderDestination(folder)
    return ScoreArchives(destination, PictureTars(destination))


def test_a_tar_holds_each_picture_beside_its_record(tmp_path: Path) -> None:
    write = WriteOptions(tmp_path, heatmap=True, npy=True)
    records = write_part(tmp_path, packed(tmp_path), part_of(KEYS), write)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "parts", "pictures", "scores"]
    with tarfile.open(tmp_path / "pictures/00002-00001.tar", errors="surrogateescape") as tar:
        names = tar.getnames()
        groups = [name.partition(".")[0] for name in names]
        assert len(set(groups)) == 4
        for record, key in zip(records, KEYS, strict=True):
            stem = key.removesuffix(".jpg")
            beside = tar.extractfile(f"{stem}.json")
            assert beside is not None and beside.read() == line(record)
            for each, words in zip(record["explanations"], ("rollout", "raw"), strict=True):
                assert each["files"]["overlay"] == f"pictures/00002-00001.tar/{stem}.{words}.png"
                drawn = tar.extractfile(f"{stem}.{words}.png")
                assert drawn is not None
                with Image.open(io.BytesIO(drawn.read())) as image:
                    assert image.text["Comment"] == f"vitexplain:{record['image']['sha256']}"
                assert f"{stem}.{words}.heatmap.png" in names
    # Files of one picture stand together, as readers of tar shards expect.
    assert all(groups.index(group) + groups.count(group) > at for at, group in enumerate(groups))


def test_an_npz_holds_the_raw_scores(tmp_path: Path) -> None:
    write = WriteOptions(tmp_path, overlay=False, npy=True)
    records = write_part(
        tmp_path,
        ScoreArchives(FolderDestination(tmp_path), PictureFolders(FolderDestination(tmp_path))),
        part_of(KEYS),
        write,
    )
    with np.load(tmp_path / "scores/00002-00001.npz") as scores:
        assert len(scores.files) == 8
        for record in records:
            for each in record["explanations"]:
                name = each["files"]["npy"].removeprefix("scores/00002-00001.npz/").removesuffix(".npy")
                found = scores[name.encode("utf-8", "backslashreplace").decode()]
                assert found.tolist() == np.array(each["scores"], found.dtype).tolist()
    assert not (tmp_path / "pictures").exists()


def test_the_same_pictures_are_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write_part(folder, packed(folder), part_of(KEYS), WriteOptions(folder, npy=True))
        found.append(
            [(folder / "pictures/00002-00001.tar").read_bytes(), (folder / "scores/00002-00001.npz").read_bytes()]
        )
    assert found[0] == found[1]


def test_what_an_earlier_run_packed_stays(tmp_path: Path) -> None:
    alone, again = tmp_path / "alone", tmp_path / "again"
    for folder in (alone, again):
        folder.mkdir()
    write_part(alone, packed(alone), part_of(KEYS), WriteOptions(alone, npy=True))
    # A part in which one image failed first.
    (again / MANIFEST).write_bytes(b"{}\n")
    work = part_of(KEYS)
    with PartsSink(FolderDestination(again), WriteOptions(again, npy=True), JsonLinesTable(), packed(again)) as sink:
        for given in sink.inputs([work]):
            failed = Failure(given.path, InputError("broken")).to_record()
            made = sink.keep(given, explained(given.name)) if given.name != "a.jpg" else failed
            records = sink.write(given, made)
    kept = {key: dict(record) for key, record in zip(KEYS, records, strict=True) if "error" not in record}
    assert len(kept) == 3
    (record,) = write_part(again, packed(again), replace(work, kept=kept), WriteOptions(again, npy=True))
    assert record["image"]["path"] == "photos/a.jpg"
    for name in ("pictures/00002-00001.tar", "scores/00002-00001.npz", "parts/part-00002-00001.jsonl"):
        assert (alone / name).read_bytes() == (again / name).read_bytes()
    assert json.loads((again / "parts/part-00002-00001.json").read_bytes())["failed"] == 0


def test_a_part_that_is_not_whole_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"{}\n")
    with PartsSink(
        FolderDestination(tmp_path), WriteOptions(tmp_path, npy=True), JsonLinesTable(), packed(tmp_path)
    ) as sink:
        first, *_ = sink.inputs([part_of(KEYS)])
        sink.write(first, sink.keep(first, explained(first.name)))
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_damaged_archive_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/00002-00001.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(OutputError, match=r"00002-00001\.tar is damaged"):
        packed(tmp_path).begin(Part(2, 1), ["pictures/00002-00001.tar/a.png"])
    with pytest.raises(OutputError, match="no such file: run the batch again"):
        packed(tmp_path).begin(Part(2, 1), ["scores/00002-00001.npz/a.npy"])
