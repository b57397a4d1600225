"""COCO's JSON of boxes: images, annotations with bbox [x, y, width, height], categories."""

from __future__ import annotations

import math
from typing import Any

from vitexplain.errors import InputError
from vitexplain.evaluation.objects.given_box import GivenBox
from vitexplain.images.files import shown
from vitexplain.models.json_text import parse_json

_EXPECTED = "expected COCO's JSON: images (id, file_name), annotations (image_id, bbox, category_id), categories"


def read_coco(text: str, where: str) -> tuple[dict[str, list[GivenBox]], dict[str, tuple[int, int]]]:
    """Return the boxes by file, and the sizes (width, height) of the files that have one; InputError: not such JSON."""
    try:
        given = parse_json(text)
    except ValueError as error:
        raise InputError(f"{where}: {shown(' '.join(str(error).split())[:120])}: {_EXPECTED}") from None
    images = {each.get("id"): each for each in _members(given, "images", where)}
    names = {each.get("id"): str(each.get("name")) for each in _members(given, "categories", where, required=False)}
    found: dict[str, list[GivenBox]] = {}
    sizes = {}
    for number, annotation in enumerate(_members(given, "annotations", where)):
        place = f"annotations[{number}]"
        image = images.get(annotation.get("image_id"))
        if image is None or not isinstance(image.get("file_name"), str) or not image["file_name"]:
            raise InputError(f"{where}, {place}: image_id {shown(repr(annotation.get('image_id'))[:40])} is no image's")
        category = annotation.get("category_id")
        file = image["file_name"]
        found.setdefault(file, []).append(
            GivenBox(place, names.get(category, str(category)), *_edges(annotation.get("bbox"), f"{where}, {place}"))
        )
        size = image.get("width"), image.get("height")
        if isinstance(size[0], int) and isinstance(size[1], int):
            sizes[file] = size[0], size[1]
    return found, sizes


def _members(given: Any, name: str, where: str, *, required: bool = True) -> list[dict[str, Any]]:
    members = given.get(name, None if required else []) if isinstance(given, dict) else None
    if not isinstance(members, list):
        raise InputError(f"{where}: no list of {name}: {_EXPECTED}")
    for number, each in enumerate(members):
        # Only numbers and words are compared: a list has no hash.
        ids = (each.get("id"), each.get("image_id"), each.get("category_id")) if isinstance(each, dict) else ([],)
        if any(isinstance(value, list | dict) for value in ids):
            raise InputError(f"{where}, {name}[{number}]: not valid: {_EXPECTED}")
    return members


def _edges(bbox: Any, place: str) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom; InputError: not four numbers, or nothing inside."""
    numbers = bbox if isinstance(bbox, list) else []
    valid = len(numbers) == 4 and all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in numbers
    )
    if not valid or numbers[2] <= 0 or numbers[3] <= 0:
        shape = "[x, y, width, height] with a width and a height above 0"
        raise InputError(f"{place}: bbox {shown(repr(bbox)[:60])} is not valid: expected {shape}")
    left, top, width, height = map(float, numbers)
    return left, top, left + width, top + height
