"""write_single: one file about one image, such as a figure, under the same rules as those of a result."""

from __future__ import annotations

from pathlib import Path

from vitexplain.output.atomic import write_files
from vitexplain.output.names import file_name, stem_of
from vitexplain.output.ownership import require_own


def write_single(
    folder: Path, image: str | None, ending: str, data: bytes, sha256: str, overwrite: bool = False
) -> Path:
    """Write `<name><ending>` into the folder and return its path; `image` is the path as given.

    The data carries the mark of its input. OutputError if it cannot be written or the file is another input's.
    """
    path = folder / file_name(stem_of(image), None, ending)
    require_own([path], sha256, overwrite)
    write_files([(path, data)], folder)
    return path
