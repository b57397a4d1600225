"""An overlay with its caption: what is said is legible, stays text, and the file carries its picture's mark."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from tests import given_result
from tests.figures import boxes
from vitexplain.figures import OVERLAY_FORMATS, OverlayFormat, draw_captioned, overlay_file
from vitexplain.output import input_of
from vitexplain.render import Drawing
from vitexplain.result import Explanation, Target

TABBY, OX = Target(3, "tabby", None), Target(5, "ox", None)


def said(explanation: Explanation, drawing: Drawing | None = None, width: int = 64, height: int = 48) -> list[str]:
    """Return the texts of the sheet, which are checked to be legible."""
    result = given_result.result(given_result.picture(width=width, height=height), [explanation])
    sheet = draw_captioned(result, explanation, drawing or Drawing())
    assert boxes.overlapping(sheet) == [] and boxes.cut_off(sheet) == []
    return [text.replace("\n", " ") for text, _ in boxes.texts(sheet)]


def of(target: Target | None, *, signed: bool, spec: str = "attn-lrp") -> Explanation:
    return replace(given_result.explanation(spec), target=target, signed=signed)


@pytest.mark.parametrize(
    ("explanation", "expected"),
    [
        (of(TABBY, signed=True), {"against tabby", "for tabby", "tabby, 75.0%"}),
        (of(replace(OX, against=TABBY), signed=True), {"for tabby", "for ox", "ox against tabby"}),
        (of(replace(OX, lowers=True), signed=True), {"for ox", "against ox", "what lowers ox"}),
        (of(None, signed=False, spec="raw"), {"lowest score", "highest score", "tabby, 75.0%"}),
    ],
)
def test_the_class_and_what_the_colours_mean(explanation: Explanation, expected: set[str]) -> None:
    assert expected <= set(said(explanation))


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (20, 900), (900, 20), (1, 1)])
def test_every_shape_is_legible_and_names_the_method(width: int, height: int) -> None:
    texts = said(of(TABBY, signed=True), width=width, height=height)
    assert "attn-lrp: the output passed back, layer by layer" in texts


def test_a_style_without_colours_has_no_bar() -> None:
    assert "for tabby" not in said(of(TABBY, signed=True), Drawing(style="top:20%"))


@pytest.mark.parametrize("captioned", [True, False])
@pytest.mark.parametrize("form", OVERLAY_FORMATS)
def test_the_file_is_what_its_name_says_and_carries_the_mark(
    form: OverlayFormat, tmp_path: Path, *, captioned: bool
) -> None:
    result = given_result.result(explanations=[of(TABBY, signed=True)])
    data = overlay_file(result, result.explanations[0], Drawing(), form, captioned)
    assert data == overlay_file(result, result.explanations[0], Drawing(), form, captioned)
    path = tmp_path / f"cat.{form}"
    path.write_bytes(data)
    assert input_of(path) == result.picture.sha256
    if form in ("png", "webp"):
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            assert opened.format == form.upper()
            assert captioned or opened.size == (640, 480)
    elif form == "pdf":
        assert data.startswith(b"%PDF-1.")
    else:
        texts = ["".join(each.itertext()) for each in ElementTree.fromstring(data).iter() if each.tag.endswith("}text")]
        assert ("for tabby" in texts) is captioned
