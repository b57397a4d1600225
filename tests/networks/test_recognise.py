"""Every adapter is in the list, describes classes of its own, and no reason for a refusal contradicts it."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import torch

import vitexplain.networks
from tests.models.small import tiny
from vitexplain.networks import ADAPTERS, described_modules, recognise
from vitexplain.networks.refusals import _REASONS

NOT_ADAPTERS = {"__init__", "described", "inner_vit", "inside", "network", "outputs", "plain_vit", "recognise"}
NOT_ADAPTERS |= {"from_pixels", "layout", "merged_patches", "of_inner", "out_of_scope", "prompt_classifier", "refusals"}
NOT_ADAPTERS |= {"shifted_windows", "sizes", "timm_late", "timm_staged", "twin"}


def test_no_adapter_is_forgotten() -> None:
    folder = Path(inspect.getfile(vitexplain.networks)).parent
    for path in folder.glob("*.py"):
        if path.stem not in NOT_ADAPTERS:
            module = import_module(f"vitexplain.networks.{path.stem}")
            own = [adapter.__name__ for adapter in ADAPTERS if adapter.__module__ == module.__name__]
            assert own, f"{path.name}: its adapter is missing in ADAPTERS (networks/recognise.py)"


def test_each_class_has_one_adapter_and_no_reason_to_be_refused() -> None:
    handled = [name for adapter in ADAPTERS for name in adapter.handles]
    assert len(handled) == len(set(handled))
    # Of these families some are described.
    in_part = {"maxxvit", "metaformer", "qwen3_vit", "deepseek_vit"}
    assert set(described_modules()) & set(_REASONS) == in_part


def test_another_module_keeps_the_description() -> None:
    first, second = tiny(), tiny(seed=1)
    network = recognise(first)
    other = network.with_module(second)
    assert type(other) is type(network)
    assert other.module is second and network.module is first
    pixels = torch.randn(1, 3, 32, 32)
    assert torch.equal(other(pixels), second(pixels))
    for described in (network, other):
        weights = described.state_dict()
        assert list(weights) == list(described.module.state_dict())
        assert all(torch.equal(weights[name], value) for name, value in described.module.named_parameters())
