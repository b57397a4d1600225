"""The page in a real browser: what a reader can do with it, and what it must not do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.browser import Opened, opened_browser, why_not
from tests.report.run_folders import HOSTILE_LABEL, HOSTILE_NAME, records_in, small_batch
from vitexplain.report import Pictures, write_report

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as started:
        yield started


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = small_batch(tmp_path_factory.mktemp("batch"))
    write_report(out, class_from_folder=True)
    return out


@pytest.fixture
def page(browser: Any, batch: Path) -> Iterator[Opened]:
    opened = Opened(browser, batch / "report.html")
    yield opened
    opened.close()


def open_first(page: Opened) -> Any:
    """Open the picture of the name `two.png`, the second of the records."""
    page.tab.locator(".tile", has_text="two.png").click()
    page.tab.wait_for_selector("#viewer[open]")
    return page.tab


def shares_of(record: Any) -> list[float]:
    """Return the places of the first map's scores on the record's colour scale, 0 to 1."""
    display = record["explanations"][0]["display"]
    low, high = display["low"], display["high"]
    scores = [score for line in record["explanations"][0]["scores"] for score in line]
    return [min(1.0, max(0.0, (score - low) / (high - low))) for score in scores]


def patch_place(page: Opened, row: int, col: int, record: Any) -> tuple[float, float]:
    """Return where the middle of a patch is in the window."""
    frame = page.tab.locator("#stage .picture").bounding_box()
    image, (rows, cols) = record["image"], record["model"]["grid"]
    x0, y0, x1, y1 = image["view"]["box"]
    x, y = x0 + (col + 0.5) * (x1 - x0) / cols, y0 + (row + 0.5) * (y1 - y0) / rows
    return frame["x"] + x / image["width"] * frame["width"], frame["y"] + y / image["height"] * frame["height"]


def test_the_least_confident_come_first_and_the_failed_last(page: Opened) -> None:
    assert page.texts(".tile .value") == ["20.0%", "40.0%", "50.0%", "60.0%", "90.0%"]
    assert page.texts(".tile")[-1].endswith("failed" + "dogs/broken <b>.png")
    assert page.texts("#count") == ["6 of 6 pictures, 1 failed"]
    page.tab.select_option("#sort", "most")
    assert page.texts(".tile .value") == ["90.0%", "60.0%", "50.0%", "40.0%", "20.0%"]
    page.tab.select_option("#sort", "name")
    names = [name.rpartition("/")[2] for name in page.texts(".tile .path")]
    assert names[:2] == ["tabby one.png", "two.png"]
    page.tab.select_option("#sort", "given")
    assert page.texts(".tile .value") == ["90.0%", "40.0%", "20.0%", "60.0%", "50.0%"]


def test_search_and_filters(page: Opened) -> None:
    page.tab.fill("#search", "CATS tabby")
    assert page.texts(".tile .value") == ["40.0%", "90.0%"]
    page.tab.fill("#search", "")
    page.tab.select_option("#class", "beagle")
    assert page.texts(".tile strong") == ["beagle"]
    page.tab.click("button[type=reset]")
    page.require_count(".tile", 6)
    page.tab.fill("#from", "45")
    page.tab.fill("#to", "60")
    assert page.texts(".tile .value") == ["50.0%", "60.0%"]
    page.tab.click("button[type=reset]")
    counts = {"failed": 1, "explained": 5, "notices": 5, "random": 2, "wrong": 5}
    for state, count in counts.items():
        page.tab.select_option("#state", state)
        assert len(page.texts(".tile")) == count, state
    page.tab.select_option("#state", "failed")
    assert "broken <b>.png: broken" in page.texts(".tile .error")[0]


def test_groups_by_predicted_class(page: Opened) -> None:
    page.tab.check("#grouped")
    headings = page.texts("#tiles h2")
    assert {"tabby (2)", "beagle (1)", "class 3 (1)", "(failed) (1)", f"{HOSTILE_LABEL} (1)"} == set(headings)


def test_the_score_under_the_pointer_is_that_of_the_record(page: Opened, batch: Path) -> None:
    tab, record = open_first(page), records_in(batch)[1]
    for number, method in enumerate(("rollout", "attn-lrp")):
        tab.select_option("#method", method)
        scores = record["explanations"][number]["scores"]
        for row, col in ((0, 0), (3, 1), (2, 3)):
            tab.mouse.move(*patch_place(page, row, col, record))
            (told,) = page.texts("#patch")
            assert told.startswith(f"row {row}, column {col}: ")
            assert float(told.split(": ")[1].split(" ")[0]) == scores[row][col]
            place = 1 + sum(score > scores[row][col] for line in scores for score in line)
            assert told.endswith(f"place {place} of 16")
    frame = tab.locator("#stage .picture").bounding_box()
    tab.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] + 200)
    assert page.texts("#patch") == ["4 x 4 patches: point at one for its score"]


def test_the_record_is_shown_as_it_was_written(page: Opened, batch: Path) -> None:
    for number, record in enumerate(records_in(batch)):
        page.tab.goto((batch / "report.html").as_uri() + f"#image={number}")
        page.tab.reload()
        page.tab.click("#record summary")
        page.tab.wait_for_selector("#record pre:not(:empty)")
        shown = page.texts("#record pre")[0]
        assert json.loads(shown) == json.loads(json.dumps(record))
        assert list(json.loads(shown)) == list(record)


def test_the_map_is_drawn_in_the_colours_of_its_scores(page: Opened, batch: Path) -> None:
    from vitexplain.render import Drawing
    from vitexplain.render.heatmap import palette

    tab, record = open_first(page), records_in(batch)[1]
    tab.check("input[value=heatmap]")
    pixels = tab.evaluate(
        "() => { const c = document.querySelector('#stage .map');"
        " return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }"
    )
    colours = palette(Drawing().colormap)
    for place, level in enumerate(shares_of(record)):
        level = int(level * 255 + 0.5)
        assert pixels[4 * place : 4 * place + 4] == [*colours[level].tolist(), 255]


def test_opacity_modes_and_targets(page: Opened) -> None:
    tab = open_first(page)
    tab.fill("#opacity", "30")
    assert tab.evaluate("document.querySelector('#stage .map').style.opacity") == "0.3"
    assert page.texts("#opacity-shown") == ["30%"]
    tab.check("input[value=picture]")
    assert tab.locator("#stage .map").count() == 0 and not tab.is_visible("#opacity")
    tab.check("input[value=written]")
    assert tab.evaluate("document.querySelector('#stage img').decode().then(() => true)")
    tab.check("input[value=overlay]")
    assert tab.is_disabled("#target")
    tab.select_option("#method", "attn-lrp")
    assert page.texts("#target option") == ["tabby", "what lowers class 9"]
    before = page.texts("#low")
    tab.select_option("#target", "2")
    assert page.texts("#low") != before and "against" in page.texts("#low")[0]


def test_a_scale_without_the_highest_patch(page: Opened, batch: Path) -> None:
    tab, record = open_first(page), records_in(batch)[1]
    scores = sorted(score for line in record["explanations"][0]["scores"] for score in line)
    found = tab.evaluate("scaleOf(images[1], 0, true)")
    assert found["low"] == record["explanations"][0]["display"]["low"] and found["high"] == pytest.approx(scores[-1])
    # A hundredth of 16 patches is none; of a map of 200 it is the two highest.
    tab.evaluate("images[1].maps[0].scores = Float32Array.from({ length: 200 }, (_, place) => place)")
    assert tab.evaluate("scaleOf(images[1], 0, true).high") == 197
    tab.evaluate("images[1].maps[0].signed = true")
    assert tab.evaluate("scaleOf(images[1], 0, true).low") == -197


def test_next_and_previous_by_key_and_back_to_the_tile(page: Opened) -> None:
    tab = page.tab
    tab.locator(".tile").first.press("Enter")
    tab.wait_for_selector("#viewer[open]")
    assert page.texts("#place") == ["1 of 6"] and tab.is_disabled("#previous")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert page.texts("#place") == ["3 of 6"] and tab.url.endswith("#image=4")
    tab.keyboard.press("ArrowLeft")
    assert page.texts("#viewer-title")[0].endswith("two.png")
    tab.focus("#opacity")
    tab.keyboard.press("ArrowLeft")
    assert page.texts("#place") == ["2 of 6"] and page.texts("#opacity-shown") == ["79%"]
    tab.keyboard.press("Escape")
    assert not tab.is_visible("#viewer")
    page.require_count('.tile[href="#image=1"]:focus', 1)


def test_patches_by_key(page: Opened, batch: Path) -> None:
    tab, scores = open_first(page), records_in(batch)[1]["explanations"][0]["scores"]
    tab.focus("#stage")
    for key in ("ArrowUp", *["ArrowLeft"] * 9, *["ArrowDown"] * 9, "ArrowRight"):
        tab.keyboard.press(key)
    (told,) = page.texts("#patch")
    assert told.startswith(f"row 3, column 1: {scores[3][1]} ")
    assert page.texts("#place") == ["2 of 6"]


def test_by_keyboard_alone(page: Opened) -> None:
    tab = page.tab
    tab.keyboard.press("/")
    tab.keyboard.type("beagle")
    assert page.texts(".tile strong") == ["beagle"]
    for _ in range(12):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.className") == "tile":
            break
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#viewer[open]")
    for _ in range(20):
        tab.keyboard.press("Tab")
        assert tab.evaluate(
            "document.querySelector('#viewer').contains(document.activeElement) "
            "|| document.activeElement === document.body"
        )


def test_every_control_has_a_name(page: Opened) -> None:
    open_first(page)
    nameless = page.tab.evaluate(
        "[...document.querySelectorAll('button, input, select, [tabindex]')].filter((each) =>"
        " !(each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim()))"
        ".map((each) => each.outerHTML)"
    )
    assert nameless == []


def test_hostile_names_and_labels_are_text(page: Opened) -> None:
    page.tab.locator(".tile", has_text="onerror").click()
    page.tab.wait_for_selector("#viewer[open]")
    assert page.texts("#viewer-title")[0].endswith(HOSTILE_NAME.replace("/", "_"))
    assert HOSTILE_LABEL in page.texts("#facts td")
    page.tab.keyboard.press("Escape")
    page.tab.click("#tab-summary")
    assert HOSTILE_LABEL in page.texts("#summary strong")
    assert page.tab.locator("#facts b, #facts i, .tile b, .tile i, #summary b, #summary i, img[onerror]").count() == 0
    assert page.tab.evaluate("document.scripts.length") == 9


def test_the_summary(page: Opened) -> None:
    page.tab.click("#tab-summary")
    facts = dict(
        zip(page.texts("#summary dl:first-of-type dt"), page.texts("#summary dl:first-of-type dd"), strict=True)
    )
    assert (facts["pictures"], facts["failed"]) == ("6", "1")
    assert facts["a map no better than random"] == "2 of 5 checked"
    assert "0 of 5 pictures (0.0%) are predicted as their true class." in page.texts("#summary p")
    rows = page.texts("#summary tbody tr")
    assert "rollout560.0%" in rows and "catstabby2" in rows
    page.tab.locator("#summary .tile", has_text="tabby").click()
    page.require_count("#tiles .tile", 2)


def test_the_mean_map_is_the_mean(page: Opened, batch: Path) -> None:
    page.tab.click("#tab-summary")
    found = page.tab.evaluate("meanMap(images.filter((image) => image.label === 'tabby'), 'rollout').levels")
    sums = [0.0] * 16
    for record in records_in(batch)[:2]:
        sums = [each + share / 2 for each, share in zip(sums, shares_of(record), strict=True)]
    assert found == pytest.approx(sums, abs=1e-6)


def test_no_request_leaves_the_folder(page: Opened, batch: Path) -> None:
    for number in range(6):
        page.tab.goto((batch / "report.html").as_uri() + f"#image={number}")
        page.tab.reload()
        if number < 5:
            page.tab.check("input[value=written]")
            page.tab.evaluate("document.querySelector('#stage img').decode().then(() => true)")
    assert len(set(page.requests)) >= 1 + 5 + 5
    start = batch.as_uri() + "/"
    assert [each for each in page.requests if not each.startswith((start, "data:"))] == []
    assert page.tab.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')") == "refused"
    assert page.console and all("Content Security Policy" in each or "connect" in each for each in page.console)
    page.console.clear()


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_width_and_both_schemes(browser: Any, batch: Path, width: int, scheme: str) -> None:
    page = Opened(browser, batch / "report.html", width, color_scheme=scheme)
    background = page.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 22, 21)")
    for open_part in ("#tab-gallery", "#tab-summary"):
        page.tab.click(open_part)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    page.tab.click("#tab-gallery")
    for name in ("two.png", "onerror", "broken"):
        page.tab.locator(".tile", has_text=name).click()
        page.tab.wait_for_selector("#viewer[open]")
        assert page.tab.evaluate("document.querySelector('#viewer').scrollWidth") <= width
        page.tab.keyboard.press("Escape")
    page.close()


def test_a_picture_keeps_its_shape(page: Opened, batch: Path) -> None:
    for number, record in enumerate(records_in(batch)[:3]):
        page.tab.goto((batch / "report.html").as_uri() + f"#image={number}")
        page.tab.reload()
        box = page.tab.locator("#stage .picture").bounding_box()
        image = record["image"]
        assert box["width"] / box["height"] == pytest.approx(image["width"] / image["height"], rel=0.01)


def test_without_its_pictures_the_page_says_so(browser: Any, tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    shutil.rmtree(tmp_path / "in")
    for path in out.glob("cats/*"):
        path.unlink()
    write_report(out)
    page = Opened(browser, out / "report.html")
    assert page.texts("#notes summary") == ["2 things are missing"]
    assert "missing in the folder: cats/tabby one.png" in page.texts("#notes li")[0]
    assert "5 pictures are not shown themselves" in page.texts("#notes li")[1]
    open_first(page)
    assert page.tab.is_visible("#without") and page.tab.locator("#stage .map").count() == 1
    assert page.tab.is_disabled("input[value=written]") and page.tab.is_disabled("input[value=picture]")
    assert "overlay: missing in the folder" in page.texts("#links")[0]
    page.close()


def test_a_page_in_one_file(browser: Any, tmp_path: Path) -> None:
    out = small_batch(tmp_path)
    write_report(out, Pictures(embed=True))
    (tmp_path / "alone").mkdir()
    shutil.copy(out / "report.html", tmp_path / "alone")
    page = Opened(browser, tmp_path / "alone" / "report.html")
    open_first(page)
    assert page.tab.evaluate("document.querySelector('#stage img').decode().then(() => true)")
    assert all(each.startswith("data:") for each in page.requests[1:])
    page.close()
