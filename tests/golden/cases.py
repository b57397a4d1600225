"""The cases of the golden scores: models, pictures, and what each is asked; the same on every machine.

Everything runs in float64 with weights drawn name by name, so that the scores hardly depend on the machine or on the
order in which a library builds its modules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vitexplain.errors import ModelError
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, load_model, wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.pipeline import BY_HEAD as EACH_HEAD
from vitexplain.pipeline import BY_LAYER as EACH_LAYER
from vitexplain.pipeline import Request, explain
from vitexplain.result import Result, Target

GOLDEN = Path(__file__).with_name("scores.npz")
SAMPLES = Path(__file__).parents[2] / "sample_images"
PHOTOGRAPHS = ("koala.jpg", "cat.jpg", "tabby.png")
DEPTH = 4

# name, options that make a small sibling of the same class
FAMILIES: dict[str, dict[str, Any]] = {
    "vit_tiny_patch16_224": {"img_size": (48, 64), "num_classes": 7},
    "deit_tiny_distilled_patch16_224": {"img_size": 64, "num_classes": 7},
    "vit_small_patch14_reg4_dinov2": {"img_size": 56, "num_classes": 7},
    "eva02_tiny_patch14_224": {"img_size": 56, "num_classes": 7},
    "beit_base_patch16_224": {"img_size": 64, "num_classes": 7},
    "vit_base_patch16_siglip_224": {"img_size": 64, "num_classes": 7},
    "vit_so150m_patch16_reg4_map_256": {"img_size": 64, "num_classes": 7},
    "vit_tiny_r_s16_p8_224": {"img_size": 128, "num_classes": 7},
    "vit_relpos_small_patch16_224": {"img_size": 64, "num_classes": 7},
}

GRAPHS = (
    "raw",
    "raw:layers=1:1,source=patch:1,2",
    "rollout",
    "rollout:fusion=max",
    "rollout:fusion=min",
    "rollout:head=1",
    "rollout:discard=0.5,residual=0.3",
    "rollout:layers=2:3",
    "rollout:source=patch:1,2",
    "rollout:fusion=gradient",
    "rollout:fusion=gradient,layers=2:4",
    "flow",
    "flow:discard=0.9",
    "flow:discard=0.97,layers=2:4",
    "flow:layers=2:4",
    "flow:fusion=gradient",
    "flow:fusion=max,residual=0.2",
    "flow:head=1",
    "flow:source=patch:2,2",
    "rollout:fusion=gradient,rows=kept,smooth=0.5",
    "rollout:fusion=gradient,rules=libra",
)
OTHERS = (
    "relevance",
    "legrad",
    "attn-lrp",
    "attn-lrp:layers=2:4,residual=0.5",
    "libra",
    "relevance:rules=libra",
    "mean:attn-lrp:layers=1:4*2+rollout",
    "integrated-gradients:steps=3",
    "integrated-gradients:fill=black,steps=2",
    "input-gradient",
    "input-gradient:reduce=sum",
    "input-gradient:times_input=true",
    "random:seed=3",
)
SMALL = ("blank-out", "blank-out:fill=blur,window=2", "blank-out:fill=drop,of=probability", "blank-out:fill=black")
LARGE = ("blank-out:window=13", "blank-out:fill=drop,of=probability,window=14")
BY_LAYER = ("raw", "rollout", "flow")
BY_HEAD = ("raw:layers=2:2", "rollout")

Case = tuple[str, Callable[[], dict[str, np.ndarray[Any, Any]]]]


def cases() -> Iterator[Case]:
    """Yield the name of every case, and what computes its arrays."""
    for photograph in PHOTOGRAPHS:
        yield f"builtin {photograph}", partial(_of_builtin, photograph)
    for family in FAMILIES:
        yield family, partial(_of_family, family)


def _of_builtin(photograph: str) -> dict[str, np.ndarray[Any, Any]]:
    return _scores(builtin(), SAMPLES / photograph, LARGE)


def _of_family(family: str) -> dict[str, np.ndarray[Any, Any]]:
    return _scores(small(family), _noise(family), SMALL)


@cache
def builtin() -> LoadedModel:
    """Return the built-in model in float64."""
    loaded = load_model("builtin", device="cpu")
    return wrap_model(loaded.network.module.double(), labels=loaded.labels, preprocess=loaded.preprocess)


def small(family: str) -> LoadedModel:
    """Return a small network of the family in float64, every weight drawn by its own name."""
    sizes = {"depth": DEPTH, "embed_dim": 96, "num_heads": 3}
    network: Any = import_timm().create_model(family, **{**sizes, **FAMILIES[family]})
    network = network.double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            drawn = _random(name).standard_normal(tuple(parameter.shape))
            scale = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.2
            base = 1.0 if name.endswith("weight") and parameter.ndim == 1 else 0.0
            parameter.copy_(torch.from_numpy(np.asarray(base + scale * drawn)))
    return wrap_model(network)


def _noise(name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return _random(f"picture {name}").integers(0, 256, (90, 120, 3), np.uint8)


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big"))


def _scores(model: LoadedModel, image: Any, slow: tuple[str, ...]) -> dict[str, np.ndarray[Any, Any]]:
    found: dict[str, np.ndarray[Any, Any]] = {}
    # The default of the first version, which these scores were made with.
    upper = f"rollout:fusion=gradient,layers={model.depth // 4 + 1}:{model.depth}"
    _keep(found, "default", explain(model, image, upper))
    for spec in (*GRAPHS, *OTHERS, *slow):
        try:
            _keep(found, "", explain(model, image, spec))
        except ModelError:
            found[f"{spec} refused"] = np.array(1)
    _keep(found, "against", explain(model, image, ["relevance", "legrad"], target="0,3", against="5"))
    _keep(found, "by layer", explain(model, image, Request(parse_methods(BY_LAYER), variants=EACH_LAYER)))
    _keep(found, "by head", explain(model, image, Request(parse_methods(BY_HEAD), variants=EACH_HEAD)))
    return found


def _keep(found: dict[str, np.ndarray[Any, Any]], how: str, result: Result) -> None:
    """Keep what a result holds under names of its own: predictions, scores, statistics and cut layers."""
    if how == "default":
        found["probabilities"] = np.array([each.probability for each in result.predictions], np.float32)
        found["classes"] = np.array([each.index for each in result.predictions])
    for each in result.explanations:
        target = f" {each.target.index}" if isinstance(each.target, Target) else ""
        name = f"{how} {each.spec}{target}".strip()
        found[name] = np.asarray(each.scores, np.float32)
        numbers = {key: value for key, value in each.statistics.items() if key != "gap"}
        found[f"{name} statistics"] = np.array(list(numbers.values()), np.float32)
        if each.cut_layers is not None:
            found[f"{name} cut layers"] = np.array(json.dumps(each.cut_layers).encode())
