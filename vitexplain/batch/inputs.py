"""Input: one picture of a source, known before it is read: its names, where its bytes are, and its label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Place(Protocol):
    """Where a picture's bytes are, if not in a file of their own: a member of a tar, a cell of a table, an object.

    It is pickled and read in worker processes, which never load torch.
    """

    def read(self) -> bytes:
        """Return the bytes, at most `images.files.MAX_BYTES`; InputError or LimitError in one line otherwise."""


@dataclass(frozen=True)
class Input:
    """One picture of a source.

    `path`: what records and messages call it, as it was given. `name`: its key, which is unique in the whole source and
    the same on every machine (the path below the folder, the member of a tar, the row of a table); its files are named
    after it. `place`: None for the file at `path`. `truth`: the label that came with the source, as it stands there.
    `problem`: why it cannot be read.
    """

    path: str
    name: str
    place: Place | None = None
    truth: str | int | None = None
    problem: str | None = None
