"""The comparison: every text legible whatever the number of panels, the scale stated is the scale drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import given_result
from tests.figures import boxes, given
from vitexplain.errors import UsageError
from vitexplain.figures import (
    Panel,
    Row,
    ScalePer,
    draw_compare,
    rows_by_head,
    rows_by_layer,
    rows_by_target,
    side_by_side,
)
from vitexplain.figures import words as words_of
from vitexplain.figures.sheet import Sheet
from vitexplain.figures.words import caption, panel_title
from vitexplain.methods import METHODS
from vitexplain.render import Drawing
from vitexplain.result import Explanation, Prediction, Target, notices_of


def words(sheet: Sheet) -> str:
    return "\n".join(text for text, _ in boxes.texts(sheet))


def drawn(*arguments: Any, **options: Any) -> Sheet:
    """Return the only page of a comparison."""
    (sheet,) = draw_compare(*arguments, **options)
    return sheet


def check_legible(sheet: Sheet) -> None:
    assert boxes.overlapping(sheet) == []
    assert boxes.cut_off(sheet) == []


@pytest.mark.parametrize("count", [1, 2, 5, 40])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (160, 40), (40, 160)])
def test_side_by_side(count: int, width: int, height: int) -> None:
    result = given.result(count, width=width, height=height)
    sheet = drawn(result, side_by_side(result.explanations))
    check_legible(sheet)
    assert sheet.width < 30
    assert sheet.height < 30


def test_layers_by_heads() -> None:
    made = given.explanations(1)[0]
    layers, heads = range(1, 13), range(6)
    panels = [
        replace(made, method="raw", spec=f"raw:head={h},layers={k}:{k}", options={"head": h}, layers=(k, k))
        for k in layers
        for h in heads
    ]
    rows = rows_by_head(panels)
    assert [len(row.panels) for row in rows] == [6] * 12
    assert rows[1].title == "raw, layer 2: attention of one layer"
    pages = draw_compare(given.result(), rows)
    assert len(pages) > 1
    check_pages(pages, rows)


def check_pages(pages: list[Sheet], rows: list[Row]) -> None:
    """Check that every page is legible, at most 1,600 pixels wide and as high as A4, and that no panel is missing."""
    for sheet in pages:
        check_legible(sheet)
        assert sheet.dpi == 130 and sheet.width * sheet.dpi <= 1600 and sheet.height <= sheet.width * 1.5
    titles = [text for sheet in pages for text, _ in boxes.texts(sheet)]
    for title in {panel.title for row in rows for panel in row.panels if panel}:
        assert titles.count(title) == sum(bool(p and p.title == title) for row in rows for p in row.panels), title
    heights = [sheet.height for sheet in pages]
    assert max(heights) < 1.8 * min(heights), "the last page is not left nearly empty"


def by_layer(method: str, last: int, first: int = 1) -> list[Explanation]:
    made = given.explanations(2)[method == "flow"]
    return [
        replace(made, method=method, spec=f"{method}:layers={first}:{k}", options={"layers": (first, k)}, layers=(1, k))
        for k in range(first, last + 1)
    ]


def test_methods_by_layers() -> None:
    rows = rows_by_layer([*by_layer("rollout", 12), *by_layer("flow", 12, first=7)])
    words = ["rollout: attention summed over all paths", "flow: attention as flow through pipes"]
    assert [row.title for row in rows] == words
    assert [len(row.panels) for row in rows] == [12, 12]
    assert rows[1].panels[:6] == (None,) * 6
    last = rows[1].panels[11]
    assert last is not None
    assert last.title == "layers 1 to 12"
    check_pages(draw_compare(given.result(), rows), rows)
    check_pages(draw_compare(given.result(width=400, height=100), rows), rows)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (400, 100), (100, 400)])
def test_many_layers_are_cut_into_lines_and_pages(width: int, height: int) -> None:
    rows = rows_by_layer([*by_layer("rollout", 48), *by_layer("flow", 48)])
    pages = draw_compare(given.result(width=width, height=height), rows)
    check_pages(pages, rows)
    assert len(pages) > 1
    said = [words(page) for page in pages]
    assert all(f"cat.jpg, page {number} of {len(pages)}" in text for number, text in enumerate(said, 1))
    assert all("Colours:" in text for text in said[:1]) and not any("Colours:" in text for text in said[1:])
    above = [text for text in said if "attention" in text]
    assert above == said, "what a page shows stands on it, also where a row goes on"


def test_classes_by_layers_have_a_row_each() -> None:
    rows = rows_by_layer([replace(each, target=target) for target in CLASSES[:2] for each in by_layer("rollout", 3)])
    assert [(row.title, len(row.panels)) for row in rows] == [
        ("rollout, tabby: attention summed over all paths", 3),
        ("rollout, class 9: attention summed over all paths", 3),
    ]


CRANES = [Target(134, "crane", "n02012849"), Target(517, "crane", "n03126707")]
"""Two classes of one label: the bird and the machine, as ImageNet has them."""


def test_classes_of_one_label_by_layers_have_a_row_each() -> None:
    targets = [*CRANES, CLASSES[0]]
    rows = rows_by_layer([replace(each, target=target) for target in targets for each in by_layer("rollout", 3)])
    names = [row.title.partition(":")[0] for row in rows if row.title]
    assert names == ["rollout, crane (class 134)", "rollout, crane (class 517)", "rollout, tabby"]
    for row, target in zip(rows, targets, strict=True):
        assert [panel.explanation.target for panel in row.panels if panel] == [target] * 3


def test_classes_of_one_label_are_told_apart_wherever_they_are_named() -> None:
    made = [
        replace(e, notices=(n,)) for e, n in zip(by_target(["relevance"], CRANES)[1:], ("odd", "even"), strict=True)
    ]
    rows = rows_by_target(made, [Prediction(134, "crane", "n02012849", 0.75, 2.0)])
    assert [row.title for row in rows] == ["crane (class 134), 75.0%", "crane (class 517)"]
    assert notices_of(made) == ["relevance for crane (class 134): odd", "relevance for crane (class 517): even"]
    against = by_target(["relevance"], [replace(CRANES[0], against=CRANES[1])])[1:]
    (row,) = rows_by_target(against, ())
    assert row.title == "crane (class 134), against crane (class 517)"
    predicted = tuple(Prediction(each.index, each.label, each.id, 0.5, 1.0) for each in CRANES)
    result = replace(given.result(), predictions=predicted)
    shown = words(drawn(result, side_by_side(against))).replace("\n", " ")
    assert "for crane (class 134) against crane (class 517)" in shown
    assert "crane (class 134) 50.0%" in shown and "crane (class 517) 50.0%" in shown


CLASSES = [Target(3, "tabby", None), Target(9, None, None), Target(4, "a label of many words " * 4, None)]


def by_target(specs: list[str], classes: list[Target]) -> list[Explanation]:
    """Return a rollout, which explains no class, and each class explained by methods, method after method."""
    made = given.explanations(1)[0]
    explained = [replace(made, method=spec, spec=spec, target=target) for spec in specs for target in classes]
    return [replace(made, spec="rollout"), *explained]


def test_classes_by_methods() -> None:
    result = given.result()
    predictions = (Prediction(3, "tabby", None, 0.75, 2.0), Prediction(4, CLASSES[2].label, None, 0.0004, -3.0))
    rows = rows_by_target(by_target(["relevance", "legrad"], CLASSES), predictions)
    assert [row.title for row in rows] == ["tabby, 75.0%", "class 9", f"{CLASSES[2].label}, 0.0%", "any class"]
    titles = [[panel.title for panel in row.panels if panel] for row in rows]
    assert titles == [["relevance", "legrad"]] * 3 + [["rollout"]]
    for row, target in zip(rows, CLASSES, strict=False):
        assert [panel.explanation.target for panel in row.panels if panel] == [target] * 2
    shown = words(drawn(result, rows))
    assert "for tabby" in shown and "for class 9" in shown
    check_legible(drawn(result, rows))
    check_legible(drawn(given.result(width=400, height=100), rows))
    check_legible(drawn(result, rows_by_target(by_target(["relevance"], CLASSES[:1])[1:], ())))


def test_a_class_against_another() -> None:
    against = replace(CLASSES[0], against=CLASSES[1])
    (row,) = rows_by_target(by_target(["relevance"], [against])[1:], [Prediction(3, "tabby", None, 0.75, 2.0)])
    assert row.title == "tabby, 75.0%, against class 9"


def test_notices_name_the_class_where_there_are_several() -> None:
    made = [replace(each, notices=("odd",)) for each in by_target(["relevance"], CLASSES[:2])]
    assert notices_of(made) == ["rollout: odd", "relevance: odd"]
    made[-1] = replace(made[-1], notices=("even",))
    assert notices_of(made) == ["rollout: odd", "relevance for tabby: odd", "relevance for class 9: even"]
    assert notices_of(made[:2]) == ["rollout: odd", "relevance: odd"]


def test_names_and_labels_are_shown_as_they_are_and_never_read_as_mathematics() -> None:
    result = given.result(path="photos/$x^2$ a_b \u732b\t%.jpg")
    shown = words(drawn(result, side_by_side(result.explanations)))
    assert "$x^2$ a_b \\u732b\\t%.jpg" in shown.replace("\n", "")
    assert "tabby 75.0%" in shown


def test_equal_scores_are_said_to_be_equal() -> None:
    result = given.result(1)
    flat = replace(result.explanations[0], scores=np.full((4, 4), 0.25) + np.eye(4) * 1e-9)
    shown = words(drawn(result, [Row(None, (Panel("flat", flat),))]))
    assert "nothing to show: all scores are 0.25" in shown.replace("\n", " ")


@pytest.mark.parametrize("per", ["panel", "method", "figure"])
def test_the_scale_that_is_said_is_drawn(per: ScalePer) -> None:
    first, second = given.explanations(2, method="raw", spec="raw")
    scores = [np.linspace(0, 1, 16).reshape(4, 4), np.linspace(0.5, 7, 16).reshape(4, 4)]
    panels = [Panel("a", replace(first, scores=scores[0])), Panel("b", replace(second, scores=scores[1]))]
    shown = words(drawn(given.result(), [Row(None, tuple(panels))], scale_per=per)).splitlines()
    assert (shown.count("7"), shown.count("0.5")) == ((1, 1) if per == "panel" else (2, 0))
    assert any(line.startswith(f"Colours: {'every panel' if per == 'panel' else 'one scale'}") for line in shown)


def test_a_method_of_one_class_has_a_scale_of_its_own() -> None:
    first, second = given.explanations(2, method="rollout")
    one = replace(first, scores=np.linspace(0, 7, 16).reshape(4, 4))
    other = replace(second, scores=np.linspace(0.5, 3, 16).reshape(4, 4), target=Target(3, "tabby", None))
    panels = (Panel("rollout", one), Panel("rollout:fusion=gradient", other))
    shown = words(drawn(given.result(), [Row(None, panels)], scale_per="method"))
    assert shown.splitlines().count("7") == shown.splitlines().count("3") == 1
    assert "gradient fusion counts as a method of its own" in shown.replace("\n", " ")


def test_a_given_scale_marks_what_lies_beyond() -> None:
    result = given.result(1)
    wide = replace(result.explanations[0], scores=np.linspace(-1, 2, 16).reshape(4, 4))
    shown = words(drawn(result, [Row(None, (Panel("a", wide),))], Drawing(scale=(0.0, 1.0))))
    assert "< 0" in shown
    assert "> 1" in shown
    assert "Colours: 0 to 1 in every panel" in shown


def test_a_scale_that_does_not_exist() -> None:
    result = given.result(1)
    with pytest.raises(UsageError, match="scale-per 'row' is not valid: expected panel, method, figure"):
        drawn(result, side_by_side(result.explanations), scale_per="row")


def test_the_picture_and_three_methods_stand_in_one_row() -> None:
    """The default of `compare`; with two methods in a second row the half of the figure would be empty."""
    made = [
        replace(each, spec=name) for each, name in zip(given.explanations(3), ("raw", "rollout", "flow"), strict=True)
    ]
    sheet = drawn(replace(given.result(), explanations=tuple(made)), side_by_side(made))
    places = {text: box for text, box in boxes.texts(sheet) if text in ("raw", "rollout", "flow")}
    assert len(places) == 3
    assert np.ptp([(box.y0 + box.y1) / 2 for box in places.values()]) < 5


def test_captions_say_in_words_what_the_numbers_mean() -> None:
    def below(**changes: Any) -> list[str]:
        return caption(replace(given_result.explanation("raw"), **changes))

    assert below(statistics={"entropy": 4.0, "prefix_share": 0.2}) == [
        "attention of one layer",
        "spread over all patches",
        "20% on no patch",
    ]
    assert "spread over many patches" in below(statistics={"entropy": 3.0})
    assert "on few patches" in below(statistics={"entropy": 1.0})
    assert "for tabby" in below(target=Target(3, "tabby", None))
    assert not any("no patch" in part for part in below(statistics={"prefix_share": 0.0}))


def test_every_method_has_words_and_a_mean_names_its_methods() -> None:
    assert set(words_of.METHODS) == set(METHODS)
    spec = "mean:attn-lrp:layers=1:12+rollout:fusion=gradient,layers=4:12"
    assert panel_title(given_result.explanation(spec)) == "mean of attn-lrp and rollout"
    assert panel_title(given_result.explanation("rollout:layers=7:12")) == "rollout:layers=7:12"
