"""The report of an evaluation, and of figures beside the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import command_line
from tests.evaluation.small_images import pictures
from tests.report.browser import Opened, opened_browser, why_not
from tests.report.test_page import Parts
from vitexplain.report import write_report


@pytest.fixture(scope="module")
def judged(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of an evaluation, and what it printed."""
    place = tmp_path_factory.mktemp("judged")
    pictures(place / "in", 3)
    chosen = ("-m", "raw", "--metric", "deletion", "--metric", "insertion", "--no-others")
    ended = command_line("evaluate", "--model", tiny_model, place / "in", *chosen, "-o", place / "out")
    assert ended.code == 0, ended.err
    return place / "out", ended.out


def test_the_page_has_the_tables_that_were_printed(judged: tuple[Path, str]) -> None:
    folder, printed = judged
    written = write_report(folder)
    assert (written.images, written.notes) == (0, ())
    (line,) = Parts(written.path.read_text(encoding="utf-8")).data("about")
    about = json.loads(line)
    assert about["plots"] == ["./evaluation.curves.png"]
    said = about["judged"]
    assert said["tables"] and said["conclusions"]
    for table in said["tables"]:
        assert table["title"] in printed
        assert all(cell in printed for row in table["rows"] for cell in row)
        assert all(note in printed for note in table["notes"])
    assert any("--no-others" in note for table in said["tables"] for note in table["notes"])
    assert all(sentence in printed for sentence in said["conclusions"])


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_the_tables_in_a_browser(judged: tuple[Path, str]) -> None:
    write_report(judged[0])
    with opened_browser() as browser:
        page = Opened(browser, judged[0] / "report.html")
        assert page.tab.is_visible("#judged .conclusion") and not page.tab.is_visible("#tab-gallery")
        assert "raw" in page.texts("#judged tbody td")
        assert page.tab.evaluate("document.querySelector('.figure').decode().then(() => true)")
        page.close()


def test_tables_that_are_missing_or_damaged_are_told(judged: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "evaluation.jsonl").write_bytes(b"")
    assert "run the same evaluate command again" in command_line("report", tmp_path).error_line
    for damage in (b"{", b'{"schema": "vitexplain-judged/2"}', b'{"schema": "vitexplain-judged/1", "tables": 3}'):
        (tmp_path / "evaluation.json").write_bytes(damage)
        ended = command_line("report", tmp_path)
        assert ended.code == 3 and "evaluation.json cannot be read" in ended.error_line
    (tmp_path / "evaluation.json").write_bytes((judged[0] / "evaluation.json").read_bytes())
    assert command_line("report", tmp_path).code == 0


def test_figures_of_the_same_picture_are_shown_with_it(tiny_model: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "in", 1)
    (picture,) = (tmp_path / "in").iterdir()
    out = tmp_path / "out"
    commands = (
        ("run",),
        ("compare", "-m", "raw"),
        ("compare", "-m", "raw", "--format", "svg"),
        ("animate", "-m", "raw"),
    )
    for command in commands:
        assert command_line(*command, picture, "--model", tiny_model, "-o", out).code == 0
    write_report(out)
    (line,) = Parts((out / "report.html").read_text(encoding="utf-8")).data("images")
    names = sorted(path.name for path in (*out.glob("*.compare.*"), *out.glob("*.animate-layers.gif")))
    assert len(names) == 3
    assert json.loads(line)["figures"] == [f"./{name}" for name in names]
