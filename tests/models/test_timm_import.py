"""timm is imported beside a torchvision whose operators load and beside one whose operators do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# What torchvision does first: it describes an operator that its compiled library has defined, or has not.
DESCRIBES_NMS = "import torch\ntorch.library.register_fake('torchvision::nms')(lambda dets, scores, threshold: dets)\n"
DEFINES_NMS = (
    "import torch\nlibrary = torch.library.Library('torchvision', 'DEF')\n"
    "library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
)
IMPORTS = (
    "from vitexplain.models import timm_import\n"
    "timm_import.import_timm()\n"
    "print('schemas defined' if timm_import._schemas else 'nothing defined')\n"
)


def _import(folder: Path, torchvision: str) -> subprocess.CompletedProcess[str]:
    """Import timm in a new process in which `torchvision` is the text of that package, and timm needs nothing else."""
    for name, text in {"torchvision": torchvision, "timm": "import torchvision\n"}.items():
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(text)
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    command = [sys.executable, "-W", "error", "-c", IMPORTS]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("torchvision", "answer"),
    [(DESCRIBES_NMS, "schemas defined"), (DEFINES_NMS + DESCRIBES_NMS, "nothing defined")],
    ids=["operators missing", "operators there"],
)
def test_operators_are_defined_only_where_they_are_missing(tmp_path: Path, torchvision: str, answer: str) -> None:
    done = _import(tmp_path, torchvision)
    assert done.stdout.strip() == answer, done.stderr


def test_another_error_of_torchvision_is_told_as_it_is(tmp_path: Path) -> None:
    done = _import(tmp_path, "raise RuntimeError('another reason')\n")
    assert done.returncode != 0
    assert "RuntimeError: another reason" in done.stderr
