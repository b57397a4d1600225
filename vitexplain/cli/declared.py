"""The methods and their options, read from their files as text: the help names them all without loading torch.

A test compares them with the methods themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from vitexplain.options import FIELDS, Option, option_of

FOLDER = Path(__file__).parents[1] / "methods"
SHARED, TABLE = "method.py", "spec.py"
"""The file with the options that several methods inherit, and the one with the table METHODS."""


@cache
def method_names() -> tuple[str, ...]:
    """Return the names of all methods, in the order of their table."""
    tree = ast.parse((FOLDER / TABLE).read_bytes())
    table = next(value for name, value in _assignments(tree.body) if name == "METHODS")
    listed = [node.id for node in ast.walk(table) if isinstance(node, ast.Name)]
    names = {owner: name for name, owner in _methods().items()}
    return tuple(names[owner] for owner in listed if owner in names)


@cache
def declared_options(method: str | None = None) -> dict[str, Option]:
    """Return the options that have a flag, by name: of one method, or of all, shared ones first.

    If several methods declare an option of the same name, their help texts are joined.
    """
    owners = list(_classes()) if method is None else _lineage(_methods()[method])
    found: dict[str, Option] = {}
    for name, option in (each for owner in owners for each in _options(_classes()[owner])):
        earlier = found.get(name)
        if option.help and earlier is None:
            found[name] = option
        elif option.help and earlier and earlier.help and option.help not in earlier.help:
            found[name] = replace(earlier, help=f"{earlier.help.removesuffix('.')}; {option.help}")
    return found


@cache
def _classes() -> dict[str, ast.ClassDef]:
    """Return the classes of all files, by name."""
    paths = sorted(FOLDER.glob("*.py"), key=lambda path: (path.name != SHARED, path.name))
    bodies = [ast.parse(path.read_bytes()).body for path in paths]
    return {node.name: node for body in bodies for node in body if isinstance(node, ast.ClassDef)}


def _methods() -> dict[str, str]:
    """Return the classes of methods: the name of the class by that of the method."""
    return {
        str(value.value): owner
        for owner, node in _classes().items()
        for name, value in _assignments(node.body)
        if name == "name" and isinstance(value, ast.Constant)
    }


def _lineage(owner: str) -> list[str]:
    """Return a class and those it inherits from, the most general first."""
    bases = [base.id for base in _classes()[owner].bases if isinstance(base, ast.Name) and base.id in _classes()]
    return [*(each for base in bases for each in _lineage(base)), owner]


def _options(owner: ast.ClassDef) -> Iterator[tuple[str, Option]]:
    """Yield the options that the class itself declares; arguments that are not literals are left out."""
    for name, value in _assignments(owner.body):
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in FIELDS:
            keywords = {each.arg: literal for each in value.keywords if each.arg for literal in _literal(each.value)}
            try:
                given = [ast.literal_eval(each) for each in value.args]
            except ValueError:
                raise TypeError(
                    f"{owner.name}.{name}: the default and the help of a method's option are literals, given "
                    f"'{ast.unparse(value)}'"
                ) from None
            option = option_of(FIELDS[value.func.id](*given, **keywords))
            assert option is not None
            yield name, option


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the name and the value of every annotated assignment."""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _literal(node: ast.expr) -> list[Any]:
    """Return the one value of a literal; none for anything else."""
    try:
        return [ast.literal_eval(node)]
    except ValueError:
        return []
