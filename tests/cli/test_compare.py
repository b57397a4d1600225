"""`vitexplain compare` on the built-in model: files, records, and one clear line for everything that is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.cli.command_line import Ended, command_line
from vitexplain.cli import progress
from vitexplain.output import input_of, schema

SAMPLES = Path(__file__).parents[2] / "sample_images"
KOALA = SAMPLES / "koala.jpg"


def test_one_figure(tmp_path: Path) -> None:
    ended = command_line("compare", KOALA, "-m", "raw", "-m", "rollout", "--out", tmp_path, "--quiet")
    assert (ended.code, ended.err) == (0, "")
    figure = tmp_path / "koala.compare.png"
    assert ended.out.splitlines()[1].startswith("prediction: koala, 9")
    assert str(figure) in ended.out.replace("\n", "")
    assert [path.name for path in tmp_path.iterdir()] == [figure.name]
    first = figure.read_bytes()
    with Image.open(figure) as opened:
        assert min(opened.size) > 300
    assert command_line("compare", KOALA, "-m", "raw", "-m", "rollout", "--out", tmp_path, "--quiet").code == 0
    assert figure.read_bytes() == first


def test_without_methods_the_default_is_drawn_beside_others_and_the_control(tmp_path: Path) -> None:
    ended = command_line("compare", KOALA, "--json", "--quiet", "--format", "svg", "--out", tmp_path)
    named = [each["spec"] for each in json.loads(ended.out)["explanations"]]
    default = "attn-lrp:layers=1:12,smooth=0.5"
    assert named == [default, "attn-lrp", "relevance", "raw", "random"]
    half = command_line("compare", KOALA, "--json", "--quiet", "--dtype", "bfloat16")
    assert half.code == 0
    assert [each["spec"] for each in json.loads(half.out)["explanations"]] == ["rollout", "raw", "random"]


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_other_formats_carry_their_image(form: str, tmp_path: Path) -> None:
    ended = command_line("compare", KOALA, "-m", "rollout", "--format", form, "--out", tmp_path, "--json", "--quiet")
    record = json.loads(ended.out)
    jsonschema.validate(record, schema())
    assert input_of(tmp_path / f"koala.compare.{form}") == record["image"]["sha256"]


def test_by_layer_is_run_with_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    methods = ("-m", "raw", "-m", "rollout", "-m", "random")
    record = json.loads(command_line("compare", KOALA, *methods, "--by-layer", "--json", "--quiet").out)
    jsonschema.validate(record, schema())
    specs = [explanation["spec"] for explanation in record["explanations"]]
    assert specs == [*(f"{name}:layers=1:{k}" for name in ("raw", "rollout") for k in range(1, 13)), "random"]
    alone = json.loads(command_line("run", KOALA, "-m", "rollout", "--layers", "1:5", "--json", "--quiet").out)
    assert record["explanations"][16]["scores"] == alone["explanations"][0]["scores"]
    assert list(tmp_path.iterdir()) == []


def test_many_panels_are_pages_of_one_figure(tmp_path: Path) -> None:
    other = tmp_path / "other" / "koala.jpg"
    other.parent.mkdir()
    other.write_bytes((SAMPLES / "owl.jpg").read_bytes())

    def compared(image: Path, *options: object) -> Ended:
        arguments = ("-m", "raw", "--by-head", "-o", tmp_path)
        return command_line("compare", image, *arguments, *options)

    ended = compared(KOALA)
    pages = sorted(tmp_path.glob("koala.compare-by-head-*.png"))
    assert ended.code == 0 and len(pages) > 1
    named = [line for line in ended.out.splitlines() if line.startswith("figure: ")]
    assert named == [f"figure: {page}" for page in pages]
    assert {input_of(page) for page in pages} == {hashlib.sha256(KOALA.read_bytes()).hexdigest()}
    for page in pages:
        with Image.open(page) as opened:
            assert opened.width <= 1600
    assert not (tmp_path / "koala.compare-by-head.png").exists()
    assert compared(KOALA).err.count("earlier figure") == 0
    refused = compared(other)
    assert refused.code == 6 and "koala.compare-by-head-1.png already exists" in refused.error_line
    fewer = compared(KOALA, "--layers", "1:1")
    assert f"which had other pages: {', '.join(page.name for page in pages)}" in " ".join(fewer.err.split())
    assert compared(KOALA, "--format", "pdf").code == 0
    assert (tmp_path / "koala.compare-by-head.pdf").read_bytes().count(b"/MediaBox") == len(pages)


def test_by_head(tmp_path: Path) -> None:
    options = ("-m", "raw", "-m", "rollout", "--by-head", "--layers", "11:12", "--scale-per", "method")
    ended = command_line("compare", KOALA, *options, "--json", "--quiet", "--out", tmp_path)
    assert ended.code == 0
    specs = [explanation["spec"] for explanation in json.loads(ended.out)["explanations"]]
    assert specs[:7] == [*(f"raw:head={head},layers=11:11" for head in range(6)), "raw:head=0,layers=12:12"]
    assert specs[12:] == [f"rollout:head={head},layers=11:12" for head in range(6)]
    assert (tmp_path / "koala.compare-by-head.png").exists()


def test_by_target(tmp_path: Path) -> None:
    options = ("--by-target", "-m", "relevance", "-m", "raw", "--target", "koala,baboon")
    ended = command_line("compare", KOALA, *options, "--json", "--quiet", "--out", tmp_path)
    record = json.loads(ended.out)
    jsonschema.validate(record, schema())
    assert len(record["predictions"]) == 3
    named = [(each["spec"], each["target"] and each["target"]["label"]) for each in record["explanations"]]
    assert named == [("relevance", "koala"), ("relevance", "baboon"), ("raw", None)]
    assert (tmp_path / "koala.compare-by-target.png").exists()


def test_by_target_alone_explains_the_three_most_probable_classes() -> None:
    record = json.loads(command_line("compare", KOALA, "--by-target", "--json", "--quiet").out)
    top = [prediction["index"] for prediction in record["predictions"]]
    named = [(each["spec"], each["target"] and each["target"]["index"]) for each in record["explanations"]]
    specs = ("attn-lrp:layers=1:12,smooth=0.5", "relevance")
    assert named == [*((spec, index) for spec in specs for index in top), ("rollout", None)]
    (run,) = json.loads(command_line("run", KOALA, "--json", "--quiet").out)["explanations"]
    assert record["explanations"][0] == run


@pytest.mark.parametrize(
    ("flags", "specs"),
    [
        (("--head", "1"), ["rollout:head=1", "relevance"]),
        (("--fusion", "max"), ["rollout:fusion=max", "relevance"]),
        (("--fusion", "gradient"), ["rollout:fusion=gradient", "relevance"]),
        (("--layers", "2:2"), ["attn-lrp:layers=2:2,smooth=0.5", "relevance", "rollout:layers=2:2"]),
    ],
)
def test_by_target_takes_the_default_of_run_with_the_flags(
    flags: tuple[str, ...], specs: list[str], tiny_model: Path
) -> None:
    options = ("--model", tiny_model, "--json", "--quiet", *flags)
    made = json.loads(command_line("compare", KOALA, "--by-target", *options).out)["explanations"]
    assert list(dict.fromkeys(each["spec"] for each in made)) == specs
    (run,) = json.loads(command_line("run", KOALA, *options).out)["explanations"]
    assert made[0] == run


def test_by_target_has_no_row_of_the_class_that_it_is_against(tiny_model: Path) -> None:
    options = ("--model", tiny_model, "--json", "--quiet", "-m", "relevance")
    predicted = json.loads(command_line("run", KOALA, *options).out)["predictions"]
    order = [prediction["index"] for prediction in predicted]
    against = (*options, "--by-target", "--against", order[1])
    for count, expected in (("top3", [order[0], order[2], order[3]]), ("all", sorted({*order} - {order[1]}))):
        explanations = json.loads(command_line("compare", KOALA, *against, "--target", count).out)["explanations"]
        assert [each["target"]["index"] for each in explanations] == expected
        assert {each["target"]["against"]["index"] for each in explanations} == {order[1]}
        assert all(any(map(any, each["scores"])) for each in explanations)


def test_too_many_rows_are_no_fault_of_the_image(tmp_path: Path) -> None:
    ended = command_line("compare", KOALA, "--by-target", "--target", "all", "--json", "--quiet", "--out", tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "200 are too many, at most 40 are legible" in ended.error_line


def test_many_flows_are_waited_for(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    @contextmanager
    def noted(*_: object, many_flows: bool, **__: object) -> Iterator[None]:
        asked.append(many_flows)
        yield

    monkeypatch.setattr(progress, "explaining", noted)
    for flags in ((), ("--by-layer",), ("--by-head",)):
        assert command_line("compare", KOALA, "--model", tiny_model, "--json", "-m", "flow", *flags).code == 0
    assert asked == [False, True, True]


def test_another_image_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    other = tmp_path / "koala.jpg"
    other.write_bytes((SAMPLES / "owl.jpg").read_bytes())
    out = tmp_path / "out"
    assert command_line("compare", KOALA, "-m", "random", "--out", out).code == 0
    ended = command_line("compare", other, "-m", "random", "--out", out)
    assert ended.code == 6
    assert "belongs to another input" in ended.error_line
    assert command_line("compare", other, "-m", "random", "--out", out, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--by-layer", "--by-head"), 2, "--by-layer and --by-head cannot be combined"),
        (("--by-layer", "--by-target"), 2, "--by-layer and --by-target cannot be combined"),
        (("--by-head", "--by-target"), 2, "--by-head and --by-target cannot be combined"),
        (("--by-target", "-m", "rollout"), 2, "--by-target has no effect: none of the chosen methods (rollout)"),
        (("--by-target", "--target", "top100"), 2, "100 are too many, at most 40 are legible"),
        (("--by-target", "--target", "koala,kola"), 2, "the nearest label is koala"),
        (("--scale", "0:1", "--scale-per", "figure"), 2, "cannot be combined"),
        (("--scale-per", "row"), 2, "expected panel, method or figure"),
        (("--format", "gif"), 2, "expected png, svg or pdf"),
        (("--layers", "3:20"), 2, "the model has layers 1 to 12"),
        (("-m", "rollout", "--head", "6"), 2, "the model has heads 0 to 5"),
        (("-m", "rollout", "--head", "5", "--by-head"), 2, "already looks at one head"),
        (("-m", "random", "--by-head"), 2, "does not look at single heads"),
        (("-m", "rollout", "--fusion", "max", "--by-head"), 2, "cannot be combined"),
        (("--out", "/dev/null/figures"), 6, "is not a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options: tuple[str, ...], code: int, message: str, tmp_path: Path) -> None:
    ended = command_line("compare", KOALA, "--out", tmp_path, *options)
    assert ended.code == code
    assert message in ended.error_line
    assert list(tmp_path.iterdir()) == []


def test_images_that_cannot_be_read(tmp_path: Path) -> None:
    missing = command_line("compare", tmp_path / "none.jpg", "--json", "--quiet")
    assert missing.code == 3
    jsonschema.validate(json.loads(missing.out), schema())
    folder = command_line("compare", tmp_path, "--quiet")
    assert folder.code == 2
    assert "a directory" in folder.error_line


def test_by_layer_says_of_how_many_panels_a_notice_is_true(tmp_path: Path) -> None:
    ended = command_line("compare", KOALA, "-m", "rollout", "-m", "flow", "--by-layer", "-o", tmp_path)
    told = [line for line in ended.err.splitlines() if line.startswith("note: ")]
    assert ended.code == 0 and 1 <= len(told) <= 6
    assert all(" of 24 panels: " in line for line in told), ended.err


def test_the_scale_is_advised_until_it_is_given(tmp_path: Path) -> None:
    """The advice is followed as it is printed, and not repeated."""
    chosen, horse = ("-m", "rollout:fusion=max"), SAMPLES / "horse.jpg"
    first = command_line("run", horse, *chosen, "-o", tmp_path)
    (advice,) = (line for line in first.err.splitlines() if "the colour scale is stretched" in line)
    given = advice.rpartition(" with ")[2].split()
    assert given == ["--percentile", "98"]
    for command in ("run", "compare"):
        again = command_line(command, horse, *chosen, *given, "--json", "-o", tmp_path)
        assert again.code == 0 and "stretched" not in again.err + again.out
        (explained,) = json.loads(again.out)["explanations"]
        beyond = np.count_nonzero(np.array(explained["scores"]) > explained["display"]["high"])
        assert 4 <= beyond <= 6, "two percent of 256 patches lie beyond the scale"


def test_a_record_of_another_method_is_not_replaced_in_silence(tmp_path: Path) -> None:
    def told(*methods: str) -> list[str]:
        ended = command_line("run", KOALA, *(part for each in methods for part in ("-m", each)), "-o", tmp_path)
        return [line for line in ended.err.splitlines() if "earlier record" in line]

    assert told("raw", "random") == told("random", "raw") == []
    (line,) = told("raw", "rollout:head=1,residual=0.3")
    assert line.startswith("note: the earlier record, of random, was replaced: --out with another name keeps both")
    (line,) = told("raw")
    assert "of rollout:head=1,residual=0.3, was replaced" in line
    other = command_line("run", KOALA, "-m", "random", "-o", tmp_path / "other")
    assert "earlier record" not in other.err
