"""Addresses of files in the run folder, as the page asks for them: nothing outside the folder has one."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote

_ARCHIVE = re.compile(r"((?:pictures|scores)/\d+-\d+\.(?:tar|npz))/")


class Inside:
    """A run folder, and which of its files were asked for and are missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self.missing: list[str] = []

    def address(self, name: str) -> str | None:
        """Return the relative URL of a file; None, and noted as missing, unless it is a file in the folder.

        What a part's tar or .npz holds has none, either: no browser looks into it.

        The first part is `.`, so that no name is read as a scheme, a host or a query; a link that leads out counts as
        missing.
        """
        if self._holds(name):
            return f"./{quote(os.fsencode(name), safe='/')}"
        archive = _ARCHIVE.match(name)
        if archive is None or not self._holds(archive[1]):
            self.missing.append(name)
        return None

    def _holds(self, name: str) -> bool:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            return False
        try:
            real = (self._folder / name).resolve()
            return self._root in real.parents and real.is_file()
        except (OSError, RuntimeError, ValueError):
            return False
