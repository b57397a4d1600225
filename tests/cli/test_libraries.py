"""Libraries that are missing or do not load: one line with the package to install, exit 4."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.batch.mixed_files import encoded
from tests.cli.command_line import command_line
from vitexplain.render import opencv

REASONS = {
    "libGL.so.1: cannot open shared object file: No such file or directory": ("libgl1", "opencv-python-headless"),
    "libgthread-2.0.so.0: cannot open shared object file": ("libglib2.0-0", "opencv-python-headless"),
    "No module named 'cv2'": ("cannot be imported", "opencv-python-headless"),
}


@pytest.fixture(params=REASONS)
def reason(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Why cv2 does not load, as the real one says it in a slim container."""
    why: str = request.param

    def load(name: str, package: str | None = None) -> ModuleType:
        if name == "cv2":
            raise ImportError(why)
        return import_module(name, package)

    import_module = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", load)
    opencv._load.cache_clear()
    yield why
    opencv._load.cache_clear()


@pytest.mark.parametrize("command", ["run", "batch"])
def test_opencv_without_its_system_libraries(command: str, reason: str, tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "photos").mkdir()
    picture = tmp_path / "photos/a.png"
    picture.write_bytes(encoded("PNG", 1))
    given = picture if command == "run" else picture.parent
    ended = command_line(command, given, "-o", tmp_path / "out", "--model", tiny_model)
    assert ended.code == 4
    assert all(words in ended.error_line for words in REASONS[reason])
    assert list(tmp_path.rglob("*.png")) == [picture]
