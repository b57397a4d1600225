"""Memory of one picture, whatever its mode: its own and that of RGB, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.picture_memory import OPEN, TURNED, write

PIXELS = 4_000_000
ALLOWED = 10 * PIXELS / 2**20 + 25
"""1.2 GB at the limit are 10 bytes a pixel; parts and Pillow's readers take up to 25 MB more."""


@pytest.mark.parametrize(
    "kind",
    [
        *("L", "P", "LA", "I;16", "I", "F", "RGB", "RGBA", "CMYK", "LAB"),
        *("PNG 16", "PNG transparent", "TIFF deflate", *TURNED),
    ],
)
def test_memory_is_bounded_whatever_the_mode(kind: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path, PIXELS)
    ended = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
    assert float(ended.stdout.partition(" MB")[0]) <= ALLOWED, ended.stdout
