"""Fixtures that several rooms' tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_folder import write_tiny_folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model: 2 layers, 4 x 4 patches, 5 classes, for any size of pixels."""
    return write_tiny_folder(tmp_path_factory.mktemp("models") / "tiny")
