"""Devices and precisions by their words."""

from __future__ import annotations

import pytest
import torch

from vitexplain.errors import UsageError
from vitexplain.models.placement import resolve_device, resolve_dtype


def test_auto_takes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu") == resolve_device(torch.device("cpu"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UsageError, match="device cuda:2: there are 2 CUDA devices: use cuda:0 to cuda:1"):
        resolve_device("cuda:2")


def test_what_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device, words in [
        ("cuda", "finds no CUDA device here: use `device=cpu`"),
        ("cuda:1", "finds no CUDA device here"),
        ("mps", "finds no Apple GPU"),
        ("gpu", "expected auto, cpu, cuda, cuda:NUMBER or mps"),
        ("cuda:x", "expected auto"),
        ("cuda:", "expected auto"),
        ("cpu:3", "expected auto"),
        ("meta", "expected auto"),
    ]:
        with pytest.raises(UsageError, match=words):
            resolve_device(device)


def test_precisions() -> None:
    assert resolve_dtype("bfloat16") is torch.bfloat16 is resolve_dtype(torch.bfloat16)
    for dtype in ("float64", "half", "", "nn"):
        with pytest.raises(UsageError, match="expected float32, bfloat16 or float16"):
            resolve_dtype(dtype)
