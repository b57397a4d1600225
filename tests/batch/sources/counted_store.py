"""A store of fsspec in memory, counted://, that counts what is read of it, and can be slow or broken."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from fsspec.implementations.memory import MemoryFileSystem


class Counted(MemoryFileSystem):  # type: ignore[misc]
    """`requests`: the bytes of each; `troubles`: what the next ones raise, the last first; `pause`: seconds each.

    `failing`: a file that is never given.
    """

    protocol = "counted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    requests: ClassVar[list[int]] = []
    troubles: ClassVar[list[BaseException]] = []
    pause: ClassVar[float] = 0.0
    failing: ClassVar[str | None] = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path.removeprefix("counted:/"))
        return stripped

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        time.sleep(self.pause)
        if self.failing == path:
            raise OSError("500 Internal Server Error")
        if self.troubles:
            raise self.troubles.pop()
        data: bytes = super().cat_file(path, start, end, **kwargs)
        self.requests.append(len(data))
        return data

    @classmethod
    def empty(cls) -> None:
        """Forget everything."""
        cls.store.clear()
        cls.pseudo_dirs[:] = [""]
        cls.requests.clear()
        cls.troubles.clear()
        cls.pause = 0.0
        cls.failing = None
