"""The port of every sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from vitexplain.batch.inputs import Input

if TYPE_CHECKING:
    from vitexplain.result import Result

Record = dict[str, Any]


class Sink(Protocol):
    """Stores what was found of each input, and its record. All errors are OutputError."""

    def check(self) -> None:
        """Raise OutputError if what was written has been moved or removed."""

    def keep(self, given: Input, result: Result) -> Record:
        """Store the files of one result, and return the record that names them. Called from several threads."""

    def write(self, given: Input, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Add the record of one input, whole or not at all, and return those that will now outlive a kill.

        Records come in the order of the inputs, but for the last ones of a run that ends early.
        """

    def close(self) -> None:
        """Leave nothing behind of what is not whole."""
