"""What the tests of README and guide share: the files that are named there, and one thread."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.guide.shown_names import write_shown_names


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the documents name."""
    folder = tmp_path_factory.mktemp("shown")
    write_shown_names(folder)
    return folder


@pytest.fixture
def place(names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, made of hard links, as the working folder."""
    here = tmp_path / "here"
    shutil.copytree(names, here, copy_function=os.link)
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from a second thread, and wait for it where processors are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
