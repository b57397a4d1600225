"""Where OpenCV does not load, one line says what the system lacks, and says the same the second time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vitexplain.cli.flags import with_flags
from vitexplain.errors import MissingExtraError
from vitexplain.images import View
from vitexplain.render import Drawing, draw_heatmap, opencv

LACKING = (
    "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')",
    "import does_not_exist_at_all",
)


@pytest.fixture
def broken(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a module cv2 before the real one that fails as the real one does."""
    (tmp_path / "cv2.py").write_text(request.param)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    opencv._load.cache_clear()
    yield
    opencv._load.cache_clear()


def drawn() -> None:
    draw_heatmap(np.array([[0.0, 1.0]]), View("squash", (0, 0, 8, 8), (8, 8)), Drawing())


@pytest.mark.parametrize("broken", LACKING[:1], indirect=True)
@pytest.mark.usefixtures("broken")
def test_a_missing_system_library_is_named_with_its_packages() -> None:
    said = []
    for _ in range(2):
        with pytest.raises(MissingExtraError) as caught:
            drawn()
        said.append(str(caught.value))
    assert said[0] == said[1] and "\n" not in said[0]
    assert with_flags(said[0]).endswith("; a run that only prints records (--json) works without it")
    for word in ("libGL.so.1", "libgl1", "libglib2.0-0", "opencv-python-headless"):
        assert word in said[0]
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("broken", LACKING[1:], indirect=True)
@pytest.mark.usefixtures("broken")
def test_another_failure_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtraError, match=r"does_not_exist_at_all.*pip install opencv-python-headless"):
        drawn()
