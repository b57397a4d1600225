"""A fixture for tests that compare bytes: records hold how long drawing took, which is never the same twice."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vitexplain.output import contents


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes no time."""
    monkeypatch.setattr(contents, "time", SimpleNamespace(perf_counter=lambda: 0.0))
