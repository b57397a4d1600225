"""Each image is decoded once a run and its arrays are written once; a killed run loses what is in hand (seconds)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import MagicMock, patch

import pytest

from tests.evaluation.small_images import boxes_of_pictures, pictures, question, tiny_loaded
from vitexplain.errors import InputError
from vitexplain.evaluation import METRICS, Question, evaluate
from vitexplain.evaluation.measuring import measure
from vitexplain.evaluation.metrics.saco import saco
from vitexplain.evaluation.store import FolderStore
from vitexplain.images import open_picture
from vitexplain.images.files import read_file


def every_metric(*, others: bool = True) -> Question:
    return question(
        "raw",
        "relevance",
        "integrated-gradients:steps=2",
        metrics=tuple(METRICS),
        steps=3,
        groups=4,
        others=others,
        objects=boxes_of_pictures(),
    )


@contextmanager
def counted() -> Iterator[tuple[MagicMock, MagicMock]]:
    """How often a picture is decoded, and a file of arrays written."""
    opened = patch("vitexplain.evaluation.inputs.open_picture", wraps=open_picture)
    written = patch.object(FolderStore, "write", autospec=True, side_effect=FolderStore.write)
    with opened as decodes, written as writes:
        yield decodes, writes


@pytest.mark.parametrize("others", [True, False])
def test_one_decode_and_one_write_an_image(others: bool, tmp_path: Path) -> None:
    model, images, folder = tiny_loaded(), pictures(tmp_path / "in", 5), tmp_path / "out"
    with counted() as (decodes, writes):
        first = evaluate(model, images, every_metric(others=others), folder=folder)
    assert decodes.call_count == writes.call_count == 5
    assert len({call.args[1] for call in writes.call_args_list}) == 5
    with counted() as (decodes, writes):
        again = evaluate(model, images, every_metric(others=others), folder=folder)
    assert decodes.call_count == writes.call_count == 0
    assert again.rows == first.rows


def test_one_decode_and_one_write_where_something_is_missing(tmp_path: Path) -> None:
    model, images, folder = tiny_loaded(), pictures(tmp_path / "in", 4), tmp_path / "out"
    evaluate(model, images, question("raw"), folder=folder)
    with counted() as (decodes, writes):
        resumed = evaluate(model, images, every_metric(), folder=folder)
    assert decodes.call_count == writes.call_count == 4
    assert resumed.rows == evaluate(model, images, every_metric()).rows


def files(folder: Path) -> int:
    return len(list(folder.glob("scores/*.npz")))


def test_what_is_finished_is_written_before_the_next_begins(tmp_path: Path) -> None:
    """What a kill would leave: all but the image in hand, and the one that waits for its scores."""
    model, images = tiny_loaded(), pictures(tmp_path / "in", 4)
    for metric, ahead in (("randomisation", 0), ("saco", 1)):
        folder, found = tmp_path / metric, list[int]()

        def seen(*arguments: object, folder: Path = folder, found: list[int] = found) -> object:
            found.append(files(folder))
            return measure(*arguments)  # type: ignore[arg-type]

        with patch("vitexplain.evaluation.study.measure", seen):
            evaluate(model, images, question("raw", metrics=(metric,), references=()), folder=folder)
        assert found == [max(0, number - ahead) for number in range(4)]
        assert files(folder) == 4


def test_an_interrupted_run_keeps_what_it_has_and_is_resumed(tmp_path: Path) -> None:
    model, images, folder = tiny_loaded(), pictures(tmp_path / "in", 5), tmp_path / "out"
    asked = question("raw", metrics=("saco",), references=(), groups=4)
    calls = 0

    def third(*arguments: object) -> float:
        nonlocal calls
        calls += 1
        if calls == 3 * 4:  # raw, random, centre and raw@other of three images
            raise KeyboardInterrupt
        return saco(*arguments)  # type: ignore[arg-type]

    with patch("vitexplain.evaluation.metrics.saco.saco", third), pytest.raises(KeyboardInterrupt):
        evaluate(model, images, asked, folder=folder)
    assert files(folder) == 4, "two are finished, the third and the one it needs have their scores"
    with patch("vitexplain.evaluation.study.measure", wraps=measure) as measured, counted() as (decodes, _):
        resumed = evaluate(model, images, asked, folder=folder)
    assert measured.call_count == 1 and decodes.call_count == 3
    assert resumed.rows == evaluate(model, images, asked).rows


def test_a_file_that_changes_meanwhile_fails(tmp_path: Path) -> None:
    model, images = tiny_loaded(), pictures(tmp_path, 3)
    reads = dict[str, int]()

    def changing(path: str) -> bytes:
        reads[path] = reads.get(path, 0) + 1
        return read_file(images[0].path if path == images[1].path and reads[path] > 1 else path)

    with patch("vitexplain.evaluation.inputs.read_file", changing):
        evaluation = evaluate(model, images, question("raw"))
    (failure,) = evaluation.failures
    assert isinstance(failure.error, InputError) and "changed meanwhile" in str(failure.error)
    assert len(evaluation.images) == 2
