"""The network of the built-in model and its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vitexplain.errors import ModelError
from vitexplain.models.builtin import network as builtin
from vitexplain.models.timm_import import import_timm


def test_the_network_is_the_one_that_timm_builds_with_the_same_weights() -> None:
    network = builtin.load_network()
    assert not network.training
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert all(parameter.requires_grad and not parameter.is_meta for parameter in network.parameters())
    usual = import_timm().create_model(builtin.ARCHITECTURE, **builtin.architecture_options()).eval()
    usual.load_state_dict(builtin.read_weights(builtin.WEIGHTS_FILE))
    for side in (builtin.SIZE, 7 * builtin.PATCH):
        pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(side))
        with torch.inference_mode():
            logits = network(pixels)
            assert logits.shape == (1, builtin.CLASSES)
            torch.testing.assert_close(logits, usual(pixels), rtol=0, atol=1e-5)


def test_weights_of_another_network_are_refused_with_the_first_differences(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    state = builtin.read_weights(builtin.WEIGHTS_FILE)
    del state["cls_token"]
    save_file({**state, "head.bias": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"cls_token is missing.*head.bias is \(3,\), expected \(200,\)"):
        builtin.load_network(path)


@pytest.mark.parametrize("content", [None, b"", b"no tensors here"])
def test_files_that_are_no_weights_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        builtin.load_network(path)
