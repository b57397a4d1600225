"""Tables and COCO's JSON of boxes: what they mean, and what each malformed one is told (milliseconds)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from vitexplain.errors import InputError
from vitexplain.evaluation.objects import Boxes, Seen, read_boxes
from vitexplain.images import View

HEADER = "file\tclass\tleft\ttop\tright\tbottom\n"


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "boxes.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def seen(width: int, height: int) -> Seen:
    return Seen(torch.zeros(1, 3, 8, 8), View("squash", (0, 0, width, height), (8, 8)), (width, height))


def area(boxes: Boxes, file: str, width: int, height: int, explained: str = "") -> float:
    """Return how many pixels of a picture the boxes cover."""
    region = boxes.region(file, seen(width, height), file, lambda name: name == explained)
    return float(region.coverage((0, 0, width, height), 1, 1)[0] * width * height)


@pytest.mark.parametrize("header", ["", HEADER, HEADER.upper()])
def test_both_ends_are_included_and_a_file_has_several(header: str, tmp_path: Path) -> None:
    boxes = read_boxes(table(tmp_path, f"{header}a.png\tcat\t0\t32\t44\t62\n\na.png\tdog\t50\t0\t50\t0\r\n"))
    assert area(boxes, "a.png", 64, 64) == pytest.approx(45 * 31 + 1)
    assert area(boxes, "a.png", 64, 64, "dog") == pytest.approx(1), "only those of the class explained"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.png\tcat\t1\t2\t3\n", "line 1: 5 columns (a.png"),
        (f"{HEADER}a.png,cat,1,2,3,4\n", "line 2: 1 columns"),
        (f"a.png\tcat\t1\t2\t3\t4\n{HEADER}", "line 2: left 'left' is not valid"),
        ("a.png\tcat\t1\t2\t3.5\t4\n", "line 1: right '3.5' is not valid: expected a whole number of pixels"),
        ("a.png\tcat\t-1\t2\t3\t4\n", "line 1: left '-1'"),
        ("a.png\tcat\tnan\t2\t3\t4\n", "line 1: left 'nan'"),
        (f"a.png\tcat\t1\t2\t{'9' * 5000}\t4\n", "line 1: right '999"),
        ("a.png\tcat\t٣\t2\t3\t4\n", "line 1: left"),
        ("a.png\tcat\t5\t2\t4\t4\n", "line 1: a box from 5, 2 to 4, 4: right and bottom come last"),
        ("\tcat\t1\t2\t3\t4\n", "line 1"),
        ("", "no box in it"),
        (HEADER, "no box in it"),
        (b"\xff\xfe\x00", "not a text in UTF-8"),
        ("a\x1b[31m.png\tcat\n", r"a\x1b[31m.png"),
    ],
)
def test_malformed_tables(text: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_boxes(table(tmp_path, text))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "boxes.tsv"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "missing.tsv", "no such file"), (tmp_path, "a directory")):
        with pytest.raises(InputError, match=words):
            read_boxes(path)


def test_boxes_that_do_not_fit_their_picture(tmp_path: Path) -> None:
    boxes = read_boxes(table(tmp_path, f"{HEADER}a.png\tcat\t0\t0\t63\t63\na.png\tcat\t1\t1\t64\t5\n"))
    with pytest.raises(
        InputError, match=r"64 x 48 pixels, but .*boxes.tsv, line 2, has a box from 0, 0 to 63, 63: "
    ) as it:
        area(boxes, "a.png", 64, 48)
    assert str(it.value).endswith(
        "expected left and right from 0 to 63, top and bottom from 0 to 47, in pixels of the upright picture"
    )
    with pytest.raises(InputError, match=r"boxes.tsv, line 3, has a box from 1, 1 to 64, 5: "):
        area(boxes, "a.png", 64, 64)
    assert area(boxes, "a.png", 65, 64) == pytest.approx(64 * 64 + 5)


COCO: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "train/a.png", "width": 64, "height": 48}, {"id": 8, "file_name": "b.png"}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [
        {"image_id": 7, "category_id": 3, "bbox": [10, 20, 5.5, 4]},
        {"image_id": 7, "category_id": 9, "bbox": [60.2, 0, 4.3, 2]},
    ],
}


def test_coco(tmp_path: Path) -> None:
    boxes = read_boxes(table(tmp_path, json.dumps(COCO)))
    assert list(boxes.by_file) == ["train/a.png"]
    assert area(boxes, "train/a.png", 64, 48, "cat") == pytest.approx(22)
    assert area(boxes, "train/a.png", 64, 48, "9") == pytest.approx(3.8 * 2), "fractions beyond the edge are cut off"
    with pytest.raises(InputError, match=r"48 x 64 pixels, but its boxes in .* are of one of 64 x 48"):
        area(boxes, "train/a.png", 48, 64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"annotations": None}, "no list of annotations"),
        ({"images": {}}, "no list of images"),
        ({"annotations": [{"image_id": 1, "bbox": [1, 1, 1, 1]}]}, "annotations[0]: image_id 1 is no image's"),
        ({"annotations": [{"image_id": 7, "bbox": [1, 1, 0, 1]}]}, "annotations[0]: bbox [1, 1, 0, 1] is not valid"),
        ({"annotations": [{"image_id": 7, "bbox": [1, 1, 1]}]}, "bbox [1, 1, 1] is not valid"),
        ({"annotations": [{"image_id": 7, "bbox": ["1", 1, 1, 1]}]}, "is not valid"),
        ({"annotations": [{"image_id": 7, "bbox": [True, 1, 1, 1]}]}, "is not valid"),
        ({"annotations": [{"image_id": 7}]}, "bbox None is not valid"),
        ({"annotations": [{"image_id": [7], "bbox": [1, 1, 1, 1]}]}, "annotations[0]: not valid"),
        ({"annotations": ["box"]}, "annotations[0]: not valid"),
        ({"annotations": []}, "no box in it"),
    ],
)
def test_malformed_coco(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_boxes(table(tmp_path, json.dumps({**COCO, **change})))
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"images": NaN}', "[" * 100_000, '{"a": 1, "a": 2}'])
def test_json_that_is_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected COCO's JSON"):
        read_boxes(table(tmp_path, text))
