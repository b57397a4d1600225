"""Modules of other libraries in every context and by every method: a result, or one line that says why not."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn

from tests.models.around import Wrapper
from tests.networks.other_libraries import open_clip_model, timm_wrapper, torchvision_model, transformers_model
from tests.pipeline.test_python_calls import SPECS, same_in_every_context
from vitexplain.result import Result

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

MODULES: dict[str, tuple[str, Callable[[], Any]]] = {
    "torchvision": ("torchvision", torchvision_model),
    "transformers": ("transformers", lambda: transformers_model("ViTForImageClassification")),
    "transformers, wrapped": ("transformers", lambda: Wrapper(transformers_model("BeitForImageClassification"))),
    "transformers, half": ("transformers", lambda: transformers_model("SiglipForImageClassification").half()),
    "transformers, compiled": ("transformers", lambda: torch.compile(timm_wrapper())),
    "transformers, parallel": ("transformers", lambda: nn.DataParallel(transformers_model("CLIPVisionModel"))),
    "open_clip": ("open_clip", open_clip_model),
}


@pytest.mark.parametrize("kind", MODULES)
def test_every_context_gives_the_same(kind: str) -> None:
    library, make = MODULES[kind]
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    module = make()
    for method in SPECS:
        found = same_in_every_context(module, method)
        assert method not in ("raw", "rollout", "flow") or isinstance(found, Result), found
