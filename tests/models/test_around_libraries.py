"""LoRA of peft, a LightningModule after a training step, timm's averaged weights, as their libraries make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.around import Wrapper
from tests.models.small import tiny
from tests.networks.other_libraries import require, transformers_model
from vitexplain import explain, load_model
from vitexplain.errors import ModelError
from vitexplain.models.timm_import import import_timm

pytestmark = pytest.mark.filterwarnings("ignore")
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
METHODS = ("rollout:fusion=gradient", "attn-lrp")


def same_scores(module: nn.Module, other: nn.Module) -> None:
    """Check that two modules are explained alike."""
    found, expected = explain(module, PICTURE, METHODS), explain(other, PICTURE, METHODS)
    for one, two in zip(found.explanations, expected.explanations, strict=True):
        np.testing.assert_allclose(one.scores, two.scores, rtol=1e-3, atol=1e-6)


@pytest.fixture(autouse=True, scope="module")
def _timm() -> None:
    """Import timm before libraries that import torchvision by themselves."""
    import_timm()


def test_lora_in_place_is_what_it_is_merged() -> None:
    peft: Any = pytest.importorskip("peft")
    adapted = peft.get_peft_model(tiny(), peft.LoraConfig(target_modules=["qkv"], modules_to_save=["head"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(0))
    found = explain(adapted, PICTURE, METHODS)
    same_scores(adapted, adapted.base_model.model)
    merged = explain(adapted.merge_and_unload(), PICTURE, METHODS)
    assert found.predictions[0].index == merged.predictions[0].index
    for one, two in zip(found.explanations, merged.explanations, strict=True):
        np.testing.assert_allclose(one.scores, two.scores, rtol=1e-3, atol=1e-6)


def with_lora(network: nn.Module) -> Any:
    """Return the network with changes of low rank in its attention that are not zero."""
    peft: Any = pytest.importorskip("peft")
    linear = [name.rpartition(".")[2] for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    inside = sorted({name for name in linear if name.startswith(("q", "k", "v"))})
    adapted = peft.get_peft_model(network, peft.LoraConfig(target_modules=inside))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(0))
    return adapted


def test_an_adapter_of_timm_s_is_merged_as_its_refusal_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = with_lora(import_timm().create_model("test_vit", num_classes=5).eval())
    pixels = torch.randn(1, 3, 160, 160)
    expected = model(pixels)
    torch.save(model.state_dict(), "whole.pth")
    model.save_pretrained("adapter")
    for given in ("whole.pth", "adapter/adapter_model.safetensors"):
        with pytest.raises(ModelError, match="an adapter that is not merged") as refused:
            load_model("test_vit", weights=given)
    with pytest.raises(ModelError, match=r"an adapter that is not merged .*merged = model\.merge_and_unload"):
        load_model("./adapter")
    line = str(refused.value)
    exec(line[line.index("torch.save(") :], {"torch": torch, "model": model})
    found = load_model("test_vit", weights="weights.pth", device="cpu")
    with torch.no_grad():
        torch.testing.assert_close(found.network(pixels), expected, rtol=1e-4, atol=1e-5)


def test_an_adapter_of_transformers_is_merged_as_its_refusal_says(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    require("transformers", "transformers")
    model = with_lora(transformers_model("ViTForImageClassification"))
    pixels = torch.randn(1, 3, 32, 32)
    expected = model(pixels).logits
    model.save_pretrained(tmp_path / "adapter")
    with pytest.raises(ModelError, match=r"the folder of merged\.save_pretrained \(models of transformers\)"):
        load_model(str(tmp_path / "adapter"))
    assert load_model(model).num_classes == 5
    merged = model.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    for found in (load_model(str(tmp_path / "merged"), device="cpu"), load_model(merged)):
        with torch.no_grad():
            torch.testing.assert_close(found.network(pixels), expected, rtol=1e-4, atol=1e-5)


def test_a_lightning_module_with_its_trainer() -> None:
    lightning: Any = pytest.importorskip("lightning")

    class Lit(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = tiny()

        def forward(self, x: torch.Tensor) -> Any:
            return self.net(x)

        def training_step(self, batch: Any, _index: int) -> Any:
            return self(batch[0]).square().sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 1e-3)

    module = Lit()
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(2, 3, 32, 32)))
    lightning.Trainer(max_steps=1, accelerator="cpu", **quiet).fit(module, data)
    same_scores(module, module.net)


def test_timms_averaged_weights() -> None:
    network = tiny()
    same_scores(import_timm().utils.ModelEmaV3(Wrapper(network)), network)
