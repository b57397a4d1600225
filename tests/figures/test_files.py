"""Files of figures: the same bytes each time, marked with their image, and nothing of matplotlib's state touched."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from PIL import Image

from tests.figures import given
from vitexplain.figures import FIGURE_FORMATS, FigureFormat, draw_compare, figure_file, page_files, side_by_side
from vitexplain.figures.sheet import Sheet
from vitexplain.output import input_of

SHA = "0123456789abcdef" * 4


def made(form: FigureFormat) -> bytes:
    result = given.result(2)
    (sheet,) = draw_compare(result, side_by_side(result.explanations))
    return figure_file(sheet, form, SHA)


@pytest.mark.parametrize("form", FIGURE_FORMATS)
def test_same_bytes_and_the_mark(form: FigureFormat, tmp_path: Path) -> None:
    data = made(form)
    assert data == made(form)
    path = tmp_path / f"figure.{form}"
    path.write_bytes(data)
    assert input_of(path) == SHA


def test_the_files_are_what_their_names_say() -> None:
    with Image.open(io.BytesIO(made("png"))) as png:
        assert png.format == "PNG"
        assert png.text == {"Comment": f"vitexplain:{SHA}"}
    assert ElementTree.fromstring(made("svg")).tag.endswith("svg")
    pdf = made("pdf")
    assert pdf.startswith(b"%PDF-1.")
    assert b"%%EOF" in pdf[-1024:]


def test_pages_are_one_pdf_or_a_file_each() -> None:
    sheets = [Sheet(2, 3), Sheet(4, 5)]
    sizes = [Image.open(io.BytesIO(page)).size for page in page_files(sheets, "png", SHA)]
    assert sizes == [(260, 390), (520, 650)]
    assert len(page_files(sheets, "svg", SHA)) == 2
    (pdf,) = page_files(sheets, "pdf", SHA)
    boxes = re.findall(rb"/MediaBox \[([^]]*)\]", pdf)
    assert [[float(side) for side in box.split()] for box in boxes] == [[0, 0, 144, 216], [0, 0, 288, 360]]
    assert SHA.encode() in pdf[-100:]
    assert page_files(sheets, "pdf", SHA) == [pdf]


def test_settings_and_pyplot_are_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    made("svg")
    assert dict(matplotlib.rcParams) == before
    code = (
        "import sys; from tests.figures.test_files import made; [made(form) for form in ('png', 'svg', 'pdf')]; "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_matplotlib_is_loaded_by_the_first_figure() -> None:
    code = "import sys, vitexplain.figures; sys.exit('matplotlib' in sys.modules or 'networkx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
