"""Nothing of the command line is missing from README and guide, and they name nothing that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from tests.guide.documents import DOCUMENTS, GUIDE, OVERVIEW, README, inline_code, shell_lines, text_of
from vitexplain import errors
from vitexplain.cli import app as app_module
from vitexplain.cli.app import app
from vitexplain.methods import METHODS, options_of

_COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
_OTHER_TOOLS = ("python ", "pip ", "ruff ", "jq ")


def _all_pages() -> str:
    return "\n".join(text_of(page) for page in GUIDE.iterdir())


def _parameters() -> Iterator[Any]:
    for command in (*_COMMANDS.values(), typer.main.get_command(app)):
        yield from command.params


def _flags() -> set[str]:
    return {name for parameter in _parameters() for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def _named_flags() -> dict[str, str]:
    """Return every long flag that a document names in code, and where."""
    named = {}
    for document in DOCUMENTS:
        for code in (*shell_lines(document), *inline_code(document)):
            if not code.startswith(_OTHER_TOOLS):
                named.update(dict.fromkeys(re.findall(r"(?<![\w-])--[a-z][a-z-]*", code), f"{document.name}: {code}"))
    return named


def test_every_command_is_in_the_table_of_the_readme_and_in_the_guide() -> None:
    table = re.findall(r"^\| `vitexplain ([\w-]+)[^`]*` \| .+ \|$", text_of(README), re.MULTILINE)
    assert sorted(table) == sorted(_COMMANDS)
    for name in _COMMANDS:
        assert re.search(rf"vitexplain {name}\b", _all_pages()), name


def test_every_exit_code_is_on_its_page() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and each.__module__ == errors.__name__]
    codes = {each.exit_code for each in classes if issubclass(each, errors.VitexplainError)}
    codes |= {0, app_module.INTERRUPTED, app_module.CLOSED_PIPE, app_module.TERMINATED}
    stated = re.findall(r"^\| (\d+) \| .+ \|$", text_of(GUIDE / "exit-codes.md"), re.MULTILINE)
    assert [int(code) for code in stated] == sorted(codes)


def test_every_environment_variable_is_in_the_table_with_its_option() -> None:
    used = {parameter.envvar: parameter.opts for parameter in _parameters() if parameter.envvar}
    table = dict(re.findall(r"^\| `(VITEXPLAIN_\w+)` \| `(--[\w-]+)`", text_of(GUIDE / "options.md"), re.MULTILINE))
    assert sorted(table) == sorted(used)
    assert all(flag in used[name] for name, flag in table.items())


def test_every_flag_is_in_the_guide() -> None:
    missing = {name for name in _flags() if name.startswith("--")} - set(_named_flags())
    assert missing <= {"--others", "--show-completion"}, missing


def test_no_flag_is_named_that_does_not_exist() -> None:
    for flag, place in _named_flags().items():
        assert flag in _flags(), place


def test_every_method_and_every_option_of_a_method_is_on_the_page_of_methods() -> None:
    page = text_of(GUIDE / "methods.md")
    for name, method in METHODS.items():
        assert f"| `{name}` |" in page
        for option in options_of(method()):
            assert f"--{option}" in page or f"`{option}=" in page, (name, option)


def test_the_words_of_the_field() -> None:
    """Words that once stood for these and that no reader knows, in the documents and in every help text."""
    texts = {document.name: text_of(document) for document in (*DOCUMENTS, OVERVIEW)}
    texts |= {parameter.name: parameter.help or "" for parameter in _parameters() if hasattr(parameter, "help")}
    for place, text in texts.items():
        for word in ("go before", "goes before", "gone on with", "drawn anew", "to be known of", "doors", "begin anew"):
            assert word not in text, place
