"""LinesSink: one growing file of records beside the pictures, each record there as soon as its image is done."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from vitexplain.batch.inputs import Input
from vitexplain.batch.sinks.sink import Record
from vitexplain.errors import OutputError
from vitexplain.images.files import shown
from vitexplain.output import WriteOptions, line, with_drawn, write_result
from vitexplain.output.run_folder import RECORDS
from vitexplain.result import Result


class LinesSink:
    """Appends to `records.jsonl` of the output folder; every record is in the file when `write` returns.

    `stems`: what the files of each input are called, by its key.
    """

    def __init__(self, write: WriteOptions, stems: Mapping[str, str]) -> None:
        self._options, self._stems = write, stems
        self._path = write.folder / RECORDS
        try:
            self._file = os.open(
                self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666
            )
        except OSError as error:
            raise self._failure(error) from error

    def check(self) -> None:
        """Raise OutputError if the file, or its folder, was removed or replaced."""
        ours = os.fstat(self._file)
        try:
            there = self._path.lstat()
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise OutputError(
                f"{shown(str(self._path))} was removed while it was written: run the same command again to write "
                "all of it"
            )

    def keep(self, given: Input, result: Result) -> Record:
        """Write the files of the result below the output folder."""
        self.check()
        written = write_result(result, self._options, self._stems[given.name])
        return with_drawn(written.record, written.drawn)

    def write(self, _given: Input, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Append one line; if the disk is full, a line written in part is removed again."""
        self.check()
        start = os.fstat(self._file).st_size
        data = line(record)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)
            raise self._failure(error) from error
        return (record,)

    def __enter__(self) -> LinesSink:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {shown(str(self._path))}: {error.strerror}; free some space, or give another folder with "
            "`folder=`"
        )
