"""Groups of options: what typer gets of their fields, what a command gets, what each group converts itself to."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

import pytest
import typer
from typer.testing import CliRunner

from vitexplain.cli.check_options import CheckOptions
from vitexplain.cli.compare_options import BY_LAYER, BY_TARGET, ComparedMethods, ComparedTarget
from vitexplain.cli.evaluate_options import JudgedMethods
from vitexplain.cli.graph_options import ExportOptions, PathOptions
from vitexplain.cli.groups import Group, grouped, only, option
from vitexplain.cli.method_options import MethodOptions, TargetOptions
from vitexplain.cli.model_options import BUILTIN_NOTICE, ModelOptions
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.cli.terminal_options import PaceOptions, TerminalOptions
from vitexplain.errors import UsageError
from vitexplain.methods import parse_methods
from vitexplain.pipeline import AS_THEY_ARE, VERIFIED, PictureCheck, default_methods
from vitexplain.render import Drawing


@dataclass(frozen=True)
class Paint(Group):
    """A toy group."""

    panel: ClassVar[str] = "Paint"
    colour: str = option("red", "Which colour.", env=True)
    coats: int = option(1, "How many.", low=1, high=3, short="-c")
    under: list[str] = option(["chalk"], "What is below.", metavar="STUFF")
    thin_ner: float | None = option(None, "How thin.", shown="as it is")
    not_an_option: int = 7


def called(command: Any, *arguments: str, env: dict[str, str] | None = None) -> Any:
    """Return what the command that prints was given, or what was wrong."""
    app = typer.Typer()
    app.command()(command)
    ended = CliRunner().invoke(app, list(arguments), env=env)
    return ended.output


@grouped
def painted(wall: str, paint: Paint) -> None:
    """Paint a wall."""
    typer.echo(f"{wall}: {paint}")


@grouped
def primed(paint: Annotated[Paint, only("under", "coats")], wet: bool = False) -> None:
    """Prime it."""
    typer.echo(f"{wet}: {paint}")


def test_fields_become_options_and_the_command_gets_one_object() -> None:
    assert called(painted, "north").strip() == f"north: {Paint()}"
    given = called(painted, "north", "--colour", "blue", "-c", "2", "--under", "a", "--under", "b", "--thin-ner", "0.5")
    assert given.strip() == f"north: {Paint('blue', 2, ['a', 'b'], 0.5)}"
    assert called(painted, "x", env={"VITEXPLAIN_COLOUR": "green"}).strip() == f"x: {Paint('green')}"


def test_limits_and_types_are_typers() -> None:
    assert "less than or equal to 3" in called(painted, "north", "--coats", "4")
    assert "valid integer" in called(painted, "north", "--coats", "two")
    assert "No such option" in called(painted, "north", "--not-an-option", "1")


def test_what_typer_is_told_of_a_field() -> None:
    parameters = Paint.options()
    assert list(parameters) == ["colour", "coats", "under", "thin_ner"]
    (_, told) = get_args(parameters["coats"].annotation)
    assert (told.help, told.min, told.max, told.rich_help_panel) == ("How many.", 1, 3, "Paint")
    (_, told) = get_args(parameters["thin_ner"].annotation)
    assert told.show_default == "as it is"


def test_a_command_has_only_the_options_that_it_names_in_their_order() -> None:
    assert list(inspect.signature(primed).parameters) == ["under", "coats", "wet"]
    assert called(primed, "--coats", "3").strip() == f"False: {Paint(coats=3)}"
    assert "No such option" in called(primed, "--colour", "blue")


def test_a_group_may_be_called_as_an_option_of_another() -> None:
    @dataclass(frozen=True)
    class Tool(Group):
        panel: ClassVar[str] = "Tool"
        brush: str = option("flat", "Which brush.")

    def both(coats: Tool, paint: Paint) -> None:
        typer.echo(f"{coats.brush}: {paint.coats}")

    both.__annotations__ = {"coats": Tool, "paint": Paint, "return": None}
    assert called(grouped(both), "--coats", "2", "--brush", "round").strip() == "round: 2"


def test_two_groups_with_one_flag_are_a_mistake() -> None:
    def twice(first: Paint, second: Paint) -> None: ...

    with pytest.raises(TypeError, match="twice: option 'colour' of Paint is declared twice"):
        grouped(twice)


def test_the_default_of_a_list_is_never_shared() -> None:
    Paint().under.append("more")
    assert Paint().under == ["chalk"]


def test_a_picture_converts_itself() -> None:
    assert (PictureOptions().view_kind, PictureOptions().limit) == (None, 120_000_000)
    assert (PictureOptions("squash", 5).view_kind, PictureOptions("squash", 5).limit) == ("squash", 5)
    with pytest.raises(UsageError, match="view 'round' is not valid: expected crop, squash or whole"):
        _ = PictureOptions("round").view_kind


def test_the_output_converts_itself(tmp_path: Path) -> None:
    output = OutputOptions(out=tmp_path, alpha=0.2, scale="0:2.5", npy=True, full_size=True)
    assert output.drawing() == Drawing(0.2, scale=(0.0, 2.5), full_size=True)
    write = output.write_options(record=False)
    assert write is not None
    assert (write.folder, write.npy, write.heatmap, write.record) == (tmp_path, True, False, False)
    assert write.drawing == output.drawing()
    assert OutputOptions().folder == Path("explanations")
    assert OutputOptions(json=True).write_options() is None
    with pytest.raises(UsageError, match="--npy has no effect"):
        OutputOptions(json=True, npy=True).write_options()
    with pytest.raises(UsageError, match="`cut_layers=` has no effect"):
        OutputOptions(cut_layers=True).check_files(parse_methods("rollout"))


def test_methods_convert_themselves() -> None:
    methods = MethodOptions(method=["raw", "random:seed=3"], flags={"layers": "2:3"}).chosen()
    assert methods == parse_methods(["raw:layers=2:3", "random:seed=3"])
    assert MethodOptions().chosen() == default_methods()
    target = TargetOptions(["koala", "pig"], "owl")
    request = MethodOptions(method=["relevance"]).request(
        target, PictureOptions("whole", 9), OutputOptions(top_k=2), CheckOptions()
    )
    assert (request.target, request.against, request.view, request.max_pixels) == (("koala", "pig"), "owl", "whole", 9)
    assert (request.top_k, request.variants) == (2, AS_THEY_ARE)
    proven = MethodOptions(method=["flow"]).request(
        TargetOptions(), PictureOptions(), OutputOptions(outline=True), CheckOptions(), verify=True
    )
    assert (proven.variants, proven.check) == (VERIFIED, PictureCheck())
    assert TargetOptions(["koala"]).classes == "koala"


def test_what_is_compared_converts_itself() -> None:
    assert ComparedMethods().arrangement is None
    beside = parse_methods(["attn-lrp", "relevance", "raw", "random"])
    assert ComparedMethods().chosen() == (*default_methods(), *beside)
    assert ComparedMethods(by_layer=True).chosen() == parse_methods(["raw", "rollout", "flow"])
    assert ComparedMethods(by_layer=True).arrangement == BY_LAYER
    assert ComparedMethods(by_target=True).chosen() == (*default_methods(), *parse_methods(["relevance", "rollout"]))
    assert ComparedTarget().classes_of(BY_TARGET) == "top3"
    assert ComparedTarget().classes_of(None) == "top1"
    assert ComparedTarget(["a", "b"]).classes_of(BY_TARGET) == ("a", "b")


def test_a_question_and_a_graph_convert_themselves() -> None:
    flags = {"fill": "blur", "seed": "4"}
    judged = JudgedMethods(method=["raw"], metric=["deletion"], steps=3, others=False, flags=flags)
    question = judged.question(TargetOptions(), PictureOptions())
    assert (question.fill, question.seed, question.steps, question.others) == ("blur", 4, 3, False)
    assert (question.methods, question.references) == (parse_methods("raw"), ())
    assert PathOptions(flow_to="3,4").patch == (3, 4)
    assert PathOptions().patch is None
    with pytest.raises(UsageError, match="--all exports the whole graph"):
        ExportOptions(everything=True).check(None)


def test_the_machine_converts_itself() -> None:
    assert PaceOptions("4", 0).pace().workers == 0
    assert PaceOptions().pace().workers >= 1


def test_the_model_loads_itself_and_says_what_the_built_in_one_knows(capsys: pytest.CaptureFixture[str]) -> None:
    loaded = ModelOptions().load(TerminalOptions())
    assert (loaded.name, loaded.num_classes) == ("builtin", 200)
    assert capsys.readouterr().err == ""
    ModelOptions().introduce(TerminalOptions())
    assert BUILTIN_NOTICE in capsys.readouterr().err
    ModelOptions().introduce(TerminalOptions(quiet=True))
    ModelOptions(model="builtin").introduce(TerminalOptions())
    assert capsys.readouterr().err == ""
