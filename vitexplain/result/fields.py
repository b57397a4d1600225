"""Fields: the fields of a record that was read, each requested by name and type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vitexplain.errors import InputError


class Fields:
    """The fields of one object of a record; `where` is its place there, such as `explanations[0]`.

    InputError, with the place, for a field that is missing or of another type.
    """

    def __init__(self, value: object, where: str = "") -> None:
        if not isinstance(value, Mapping):
            raise InputError(f"{where or 'the record'} is not a JSON object: expected what `to_record` returned")
        self._values, self._where = value, where

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def is_null(self, name: str) -> bool:
        """Return whether a field is null."""
        return self._value(name) is None

    def text(self, name: str) -> str:
        """Return a field that is text."""
        return str(self._of_type(name, str, "text"))

    def text_or_none(self, name: str) -> str | None:
        """Return a field that is text or null."""
        return None if self.is_null(name) else self.text(name)

    def whole(self, name: str) -> int:
        """Return a field that is a whole number."""
        return int(self._of_type(name, int, "a whole number"))

    def number(self, name: str) -> float:
        """Return a field that is a number."""
        return float(self._of_type(name, (int, float), "a number"))

    def items(self, name: str, count: int | None = None) -> list[Any]:
        """Return a field that is a list, of `count` items if given."""
        found: list[Any] = self._of_type(name, list, "a list")
        if count is not None and len(found) != count:
            raise self.wrong(name, f"has {len(found)} items, expected {count}")
        return found

    def one_of(self, name: str, words: Sequence[str]) -> Any:
        """Return a field that is one of the words."""
        found = self.text(name)
        if found not in words:
            raise self.wrong(name, f"is '{found}', expected one of {', '.join(words)}")
        return found

    def numbers(self, name: str, count: int) -> Any:
        """Return a field that is a list of `count` numbers, as a tuple."""
        found = self.items(name, count)
        if not all(_is_number(item) for item in found):
            raise self.wrong(name, "is not a list of numbers")
        return tuple(found)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a field that is a list of texts."""
        found = self.items(name)
        if not all(isinstance(item, str) for item in found):
            raise self.wrong(name, "is not a list of texts")
        return tuple(found)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a field that is an object."""
        found: Mapping[str, Any] = self._of_type(name, Mapping, "an object")
        return found

    def inside(self, name: str) -> Fields:
        """Return the fields of a field that is an object."""
        return Fields(self._value(name), self._place(name))

    def each(self, name: str) -> Iterator[Fields]:
        """Yield the fields of the objects of a list."""
        for number, item in enumerate(self.items(name)):
            yield Fields(item, f"{self._place(name)}[{number}]")

    def require_schema(self, schema: str) -> None:
        """Raise InputError unless the record is of this schema."""
        given = self._values.get("schema")
        if given != schema:
            raise InputError(f"the record has the schema {given!r}: expected {schema!r}")

    def wrong(self, name: str, what: str) -> InputError:
        """Return the error that says what is wrong with a field."""
        return InputError(f"the record's {self._place(name)} {what}")

    def _value(self, name: str) -> Any:
        if name not in self._values:
            raise self.wrong(name, "is missing")
        return self._values[name]

    def _of_type(self, name: str, kind: Any, words: str) -> Any:
        found = self._value(name)
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise self.wrong(name, f"is not {words}")
        return found

    def _place(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
