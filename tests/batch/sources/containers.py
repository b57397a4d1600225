"""Tars and tables made for tests, and what a source lists and reads of them."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.given import SourceOptions, sources_of
from vitexplain.batch.worker import Read, ReadJob, Unread, read
from vitexplain.images import Preprocess

_HALF = (0.5, 0.5, 0.5)
JOB = ReadJob(Preprocess((8, 8), 1.0, "squash", "bilinear", _HALF, _HALF, (4, 4), False), None, 10**6)


def tar_of(members: Iterable[tuple[str, bytes]], mode: str = "w") -> bytes:
    """Return a tar of regular files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def table_at(path: Path, columns: Mapping[str, Any], rows_a_group: int = 3, **metadata: str) -> Path:
    """Write a Parquet table; a column is a list, or an arrow array."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table(dict(columns))
    parquet.write_table(table.replace_schema_metadata(metadata or None), path, row_group_size=rows_a_group)
    return path


def listed(*given: object, out: str | None = None, **options: Any) -> list[Input]:
    """Return all pictures of a call, in their order."""
    source = sources_of([str(each) for each in given], SourceOptions(**options), out)
    source = pickle.loads(pickle.dumps(source))
    return [each for unit in source.units() for each in unit.listing().pictures]


def keys(*given: object, **options: Any) -> list[str]:
    """Return the keys of all pictures of a call."""
    return [each.name for each in listed(*given, **options)]


def outcome(each: Input) -> str:
    """Return the SHA-256 of a picture as a worker reads it, or the one line that says why not."""
    if each.problem is not None:
        return each.problem
    answer = read(pickle.loads(pickle.dumps(each)), JOB)
    if isinstance(answer, Unread):
        assert "\n" not in str(answer.error)
        return str(answer.error)
    assert isinstance(answer, Read) and answer.picture.path == each.path
    return answer.picture.sha256
