"""Networks in stages from a file of weights: as many classes as the file's classifier, any size of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vitexplain import explain
from vitexplain.errors import ModelError
from vitexplain.models import load_model
from vitexplain.models.timm_import import import_timm

NAME = "swin_tiny_patch4_window7_224"


def test_a_file_of_weights_gives_the_network_it_came_from(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = import_timm().create_model(NAME, num_classes=5).eval()
    torch.save({"model": module.state_dict()}, tmp_path / "mine.pth")
    model = load_model(NAME, weights=tmp_path / "mine.pth")
    assert (model.num_classes, model.depth, model.network.heads) == (5, 15, 3)
    pixels = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(pixels), module(pixels))
    noise = torch.randint(0, 255, (100, 150, 3), dtype=torch.uint8).numpy()
    result = explain(model, noise, methods=["rollout", "raw"])
    assert result.model.grid == (56, 56) and result.model.layers == 15
    assert result.explanations[0].scores.sum() == pytest.approx(1, rel=1e-5)
    whole = explain(model, noise, methods="rollout", view="whole")
    assert whole.model.grid[0] < whole.model.grid[1]
    assert whole.explanations[0].scores.sum() == pytest.approx(1, rel=1e-5)
    features = load_model(NAME, weights=tmp_path / "mine.pth", num_classes=0)
    assert features.num_classes == 0 and features.network.classes == 0
    with pytest.raises(ModelError, match=r"do not fit SwinTransformer: layers\.2\.blocks\.6"):
        load_model("swin_small_patch4_window7_224", weights=tmp_path / "mine.pth")
