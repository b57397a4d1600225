"""Profile: where the time of a run goes, stage by stage."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STAGES = {
    "read": "reading processes: bytes of a container or a store",
    "decode": "reading processes, files are read there, too",
    "pixels": "reading processes",
    "wait": "the model, for pictures",
    "model": "the model",
    "methods": "the model",
    "records": "the model",
    "draw": "writing threads",
    "write": "writing threads",
}
"""Every stage, and who is busy with it; those of different ones run at the same time."""


class Profile:
    """Seconds by stage, added up over images; any thread may add to them."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._lock = threading.Lock()
        self.seconds: Counter[str] = Counter()

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add what one or several images took."""
        with self._lock:
            for stage, taken in seconds.items():
                self.seconds[stage] += taken  # type: ignore[assignment]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time that what is inside takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add({stage: time.perf_counter() - began})

    def lines(self, images: int) -> list[str]:
        """Return the stages in words: milliseconds an image, and how much of the run they were."""
        wall = time.perf_counter() - self._began
        found = [f"profile: {images:,} images in {wall:.1f} s, {images / wall:.1f} a second"]
        for stage, who in STAGES.items():
            taken = self.seconds[stage]
            found.append(
                f"{stage:>9} {1e3 * taken / max(1, images):8.1f} ms an image {taken / wall:6.0%} of the time   {who}"
            )
        return found
