"""torchvision's models by name: from its cache or a file, with torchvision's own pipeline and predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.networks.other_libraries import shaken
from vitexplain import explain
from vitexplain.errors import ModelError, UsageError
from vitexplain.images import open_picture, prepare
from vitexplain.models import load_model
from vitexplain.models.registry import list_models
from vitexplain.models.timm_import import import_timm

import_timm()
SAMPLES = sorted((Path(__file__).parents[2] / "sample_images").glob("*.jpg"))


def network(name: str = "vit_b_32", **options: Any) -> Any:
    from torchvision import models

    torch.manual_seed(0)
    return shaken(models.get_model(name, weights=None, **options))


def older(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the state with the names of torchvision's own files."""
    return {
        key.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): value
        for key, value in state.items()
    }


def test_pretrained_weights_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions are those of torchvision's own transform and model; classes are named after ImageNet."""
    from torchvision.models import ViT_B_32_Weights

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    weights = ViT_B_32_Weights.DEFAULT
    theirs = network()
    torch.save(older(theirs.state_dict()), tmp_path / "checkpoints" / weights.url.rpartition("/")[2])
    model = load_model("torchvision:vit_b_32", device="cpu")
    assert (model.name, model.origin, model.num_classes) == ("torchvision:vit_b_32", "torchvision", 1000)
    assert model.labels is not None and model.labels.name(1) == "goldfish"
    transform = weights.transforms()
    for path in SAMPLES[:3]:
        ours, _ = prepare(open_picture(path), model.preprocess)
        with Image.open(path) as image, torch.inference_mode():
            expected = theirs(transform(image.convert("RGB"))[None]).softmax(-1)
            found = model.network(torch.from_numpy(ours)[None]).softmax(-1)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_a_file_decides_size_and_classes(tmp_path: Path) -> None:
    theirs = network(image_size=96, num_classes=7)
    torch.save({"state_dict": theirs.state_dict(), "epoch": 3}, tmp_path / "mine.pth")
    model = load_model("torchvision:vit_b_32", weights=tmp_path / "mine.pth", device="cpu")
    assert (model.num_classes, model.preprocess.size, model.preprocess.flexible) == (7, (96, 96), False)
    with torch.inference_mode():
        pixels = torch.randn(1, 3, 96, 96)
        torch.testing.assert_close(model.network(pixels), theirs(pixels))
    result = explain(model, SAMPLES[0], methods=["relevance"])
    assert result.explanations[0].scores.shape == (3, 3)
    features = load_model("torchvision:vit_b_32", weights=tmp_path / "mine.pth", num_classes=0, device="cpu")
    assert features.num_classes == 0
    with pytest.raises(UsageError, match=r"num_classes 9: the file mine\.pth has 7 classes, expected 7 or 0"):
        load_model("torchvision:vit_b_32", weights=tmp_path / "mine.pth", num_classes=9)
    with pytest.raises(ModelError, match="do not fit VisionTransformer"):
        load_model("torchvision:vit_b_16", weights=tmp_path / "mine.pth")
    with pytest.raises(ModelError, match=r"weights of torchvision's .*`model=torchvision:NAME` with this file"):
        load_model("vit_base_patch32_224", weights=tmp_path / "mine.pth")


def test_other_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected one of torchvision's .*, vit_b_16, .*: vit_b_16\?"):
        load_model("torchvision:vit_b16")
    torch.save({"a": torch.zeros(2)}, tmp_path / "none.pth")
    with pytest.raises(ModelError, match="no vision transformer, expected torchvision's vit_b_16"):
        load_model("torchvision:vit_b_16", weights=tmp_path / "none.pth")


def test_the_list_of_models_has_them() -> None:
    rows = {row.name: row for row in list_models("torchvision:*")}
    assert set(rows) >= {"torchvision:vit_b_16", "torchvision:vit_b_32", "torchvision:vit_l_16"}
    assert (rows["torchvision:vit_b_32"].size, rows["torchvision:vit_b_32"].patch) == ((224, 224), 32)
    assert (rows["torchvision:swin_v2_t"].size, rows["torchvision:swin_v2_t"].patch) == ((256, 256), 4)


@pytest.mark.parametrize(("name", "rows"), [("swin_t", 56), ("swin_v2_t", 64)])
def test_a_swin_from_a_file(name: str, rows: int, tmp_path: Path) -> None:
    """Its pictures are prepared as torchvision evaluates its weights, and its predictions are torchvision's."""
    from torchvision import models

    theirs = network(name, num_classes=7)
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "mine.pth")
    model = load_model(f"torchvision:{name}", weights=tmp_path / "mine.pth", device="cpu")
    transform = next(iter(models.get_model_weights(name))).transforms()
    ours, _ = prepare(open_picture(SAMPLES[0]), model.preprocess)
    with Image.open(SAMPLES[0]) as image, torch.inference_mode():
        expected = theirs(transform(image.convert("RGB"))[None]).softmax(-1)
        found = model.network(torch.from_numpy(ours)[None]).softmax(-1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    result = explain(model, SAMPLES[0], methods=["rollout"])
    assert result.explanations[0].scores.shape == (rows, rows)
    assert load_model(f"torchvision:{name}", weights=tmp_path / "mine.pth", num_classes=0).num_classes == 0
    torch.save({"a": torch.zeros(2)}, tmp_path / "none.pth")
    with pytest.raises(ModelError, match=f"expected torchvision's {name}"):
        load_model(f"torchvision:{name}", weights=tmp_path / "none.pth")
