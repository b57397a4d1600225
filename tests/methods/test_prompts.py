"""What methods show for prompts: a CLIP set by hand to see colours, and a picture with a red and a blue object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.models.text_models import word_tokenizer
from tests.networks.other_libraries import require
from vitexplain import explain, load_model
from vitexplain.capture import RelevanceRules
from vitexplain.capture.relevance_rules import ATTN_LRP, LIBRA
from vitexplain.models import LoadedModel
from vitexplain.models.prompts import Prompts
from vitexplain.networks.prompt_classifier import PromptClassifier

RED, BLUE, GREY, PATCH = (0, 1), (3, 2), 128, 8
WIDTH = 12
METHODS = (
    *("attn-lrp", "libra", "relevance", "relevance:rules=libra", "legrad", "rollout:fusion=gradient"),
    *("integrated-gradients", "blank-out"),
)
"""All that explain a class but input-gradient, which shows what a change would do: the same at every patch here."""


def by_hand(folder: Path) -> None:
    """Write a CLIP of one layer whose embedding is (redness, blueness, 1) and whose words "red" and "blue" point there.

    Channels 0 and 1 of a token hold what is red and what is blue in it, 2 and 3 the same with the other sign, so that
    their mean is 0; 10 and 11 are constant, so that the norms divide all tokens by nearly the same. Attention is
    uniform and hands on what it reads; the MLP adds nothing.
    """
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    known = word_tokenizer(folder, start=True)
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4}
    text = {**sizes, "vocab_size": known, "max_position_embeddings": 8, "eos_token_id": 1, "pad_token_id": 0}
    config = CLIPConfig(
        vision_config={**sizes, "image_size": 4 * PATCH, "patch_size": PATCH}, text_config=text, projection_dim=3
    )
    model: Any = CLIPModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            norm = "norm" in name or "layrnorm" in name
            parameter.fill_(1.0 if norm and name.endswith("weight") else 0.0)
        model.logit_scale.fill_(6.0)
        for tower in (model.vision_model, model.text_model):
            attention = tower.encoder.layers[0].self_attn
            attention.v_proj.weight.copy_(torch.eye(WIDTH))
            attention.out_proj.weight.copy_(torch.eye(WIDTH))
            tower.embeddings.position_embedding.weight[:, 10:] = torch.tensor([4.0, -4.0])
        seen = model.vision_model.embeddings.patch_embedding.weight
        for colour, channel in enumerate((0, 2)):  # of red, green, blue
            for sign, place in ((1, colour), (-1, 2 + colour)):
                seen[place, channel], seen[place, 1] = sign / PATCH**2, -sign / PATCH**2
        words = model.text_model.embeddings.token_embedding.weight
        for colour, word in enumerate(("red", "blue")):
            number = {"red": 10, "blue": 11}[word]
            words[number, colour], words[number, 2 + colour] = 4.0, -4.0
        for row, channel in enumerate((0, 1, 10)):
            model.visual_projection.weight[row, channel] = 1.0
            model.text_projection.weight[row, channel] = float(channel < 2)
    model.save_pretrained(folder)
    size = {"height": 4 * PATCH, "width": 4 * PATCH}
    CLIPImageProcessor(
        size={"shortest_edge": 4 * PATCH}, crop_size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3
    ).save_pretrained(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    require("transformers", "transformers")
    folder = tmp_path_factory.mktemp("colours")
    by_hand(folder)
    return load_model(f"clip:{folder}", prompts=["red", "blue"], device="cpu")


def two_objects() -> Image.Image:
    """Return a grey picture with a red patch and a blue one."""
    seen = np.full((4 * PATCH, 4 * PATCH, 3), GREY, np.uint8)
    for (row, col), colour in ((RED, (230, 30, 30)), (BLUE, (30, 30, 230))):
        seen[row * PATCH : (row + 1) * PATCH, col * PATCH : (col + 1) * PATCH] = colour
    return Image.fromarray(seen)


def highest(scores: np.ndarray[Any, Any]) -> tuple[int, int]:
    row, col = np.unravel_index(scores.argmax(), scores.shape)
    return int(row), int(col)


@pytest.mark.parametrize("method", METHODS)
def test_the_map_of_a_prompt_lies_on_its_object(method: str, model: LoadedModel) -> None:
    red, blue = explain(model, two_objects(), methods=[method], target=["red", "blue"]).explanations
    assert (highest(red.scores), highest(blue.scores)) == (RED, BLUE)
    for scores, own, other in ((red.scores, RED, BLUE), (blue.scores, BLUE, RED)):
        rest = [scores[row, col] for row in range(4) for col in range(4) if (row, col) not in (own, other)]
        assert scores[own] - max(rest) > 5 * (max(rest) - min(rest))


@pytest.mark.parametrize("method", ["attn-lrp", "libra", "integrated-gradients"])
def test_against_the_other_prompt_both_objects_speak(method: str, model: LoadedModel) -> None:
    (found,) = explain(model, two_objects(), methods=[method], target="red", against="blue").explanations
    assert (highest(found.scores), highest(-found.scores)) == (RED, BLUE)


def test_predictions_follow_the_object(model: LoadedModel) -> None:
    for place, word in ((RED, "red"), (BLUE, "blue")):
        picture = two_objects()
        other = BLUE if place == RED else RED
        picture.paste((GREY,) * 3, (other[1] * PATCH, other[0] * PATCH, (other[1] + 1) * PATCH, (other[0] + 1) * PATCH))
        first = explain(model, picture, methods=["raw"]).predictions[0]
        assert first.label == word and first.probability > 0.9


@pytest.mark.parametrize("rules", [ATTN_LRP, LIBRA])
@pytest.mark.parametrize("bias", [None, -3.0])
def test_the_norm_of_the_embedding_is_a_constant_of_the_rules(rules: Any, bias: float | None) -> None:
    """Embedding times gradient: all of the logit but the bias under the rules, nothing by the plain gradient."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.nn.functional.normalize(torch.randn(3, 8, generator=generator), dim=-1)
    module = PromptClassifier(torch.nn.Identity(), texts, 20.0, bias).requires_grad_(False)
    embedding = torch.randn(2, 8, generator=generator).requires_grad_()
    plain = module.compared(embedding)
    (gradient,) = torch.autograd.grad(plain[:, 1].sum(), embedding)
    torch.testing.assert_close((embedding * gradient).sum(-1), torch.zeros(2), rtol=0, atol=1e-4)
    ruled = RelevanceRules("words", rules).run(module.compared, embedding)
    torch.testing.assert_close(ruled, plain)
    (gradient,) = torch.autograd.grad(ruled[:, 1].sum(), embedding)
    expected = 20.0 * (embedding / embedding.norm(dim=-1, keepdim=True)) @ texts[1]
    torch.testing.assert_close((embedding * gradient).sum(-1), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(expected + (bias or 0.0), plain[:, 1], rtol=1e-4, atol=1e-4)


def test_the_classifier_is_re_initialised_with_the_last_layer(model: LoadedModel) -> None:
    network = model.network
    assert "classifier.weight" in network.parameters_above(1)
    assert all(not name.startswith("classifier.") or "weight" in name for name in network.parameters_above(1))
    assert isinstance(model.prompts, Prompts) and network.classes == 2
