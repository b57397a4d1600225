"""The one place that imports timm, also beside a torchvision whose compiled operators do not load.

PyPI's Linux torchvision is linked against CUDA. Beside a CPU-only torch its operators are missing and importing it
ends with "operator torchvision::nms does not exist". Its Python transforms, all that timm needs, work once the
schemas of the two operators exist. They are defined only after that very error: where the real operators load
later, a schema defined first would abort the process.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

# Operators live as long as their library object does.
_schemas: list[object] = []


def import_timm() -> ModuleType:
    """Return the module timm, imported after torchvision has been made importable."""
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _define_schemas()
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision  # noqa: F401
    import timm

    module: ModuleType = timm
    return module


def _define_schemas() -> None:
    import torch

    registry: Any = torch.library  # torch publishes no types for it
    library = registry.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _schemas.append(library)
