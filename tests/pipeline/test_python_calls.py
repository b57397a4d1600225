"""Calls as people make them: every module, context and method gives a result or one line that says why not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.models import around
from tests.models.around import Headed, Wrapper
from tests.models.small import build, tiny
from vitexplain import VitexplainError, explain, explain_many, load_model
from vitexplain.errors import InputError, ModelError, UsageError
from vitexplain.methods import METHODS
from vitexplain.result import Failure, Result

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def quantised(module: nn.Module) -> nn.Module:
    made: nn.Module = torch.ao.quantization.quantize_dynamic(module, {nn.Linear})  # type: ignore[no-untyped-call]
    return made


def made(kind: str) -> Any:
    """Return a new module of this kind; what torch's own code warns of on the way is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODULES[kind]()


def trained(module: nn.Module) -> nn.Module:
    module.train()(torch.randn(2, 3, 32, 32)).sum().backward()
    return module


def made_in_inference_mode() -> nn.Module:
    with torch.inference_mode():
        network: nn.Module = tiny()
    return network


def compiled_forward() -> nn.Module:
    network = tiny()
    network.forward = torch.compile(network.forward)
    return network  # type: ignore[no-any-return]


def failing() -> nn.Module:
    network = tiny()
    network.register_forward_pre_hook(lambda *_: 1 / (not torch.is_grad_enabled()) and None)
    return network  # type: ignore[no-any-return]


def mixed() -> nn.Module:
    network = tiny()
    network.head.half()
    return network  # type: ignore[no-any-return]


MODULES: dict[str, Callable[[], Any]] = {
    "plain": tiny,
    "trained, with gradients": lambda: trained(tiny(drop_rate=0.5)),
    "without classifier": lambda: tiny(num_classes=0),
    "one class": lambda: tiny(num_classes=1),
    "wrapper": Wrapper,
    "frozen backbone": lambda: Headed(around.frozen),
    "detached backbone": lambda: Headed(lambda backbone, x: backbone(x).detach()),
    "mean of patches": lambda: Headed(around.mean_of_patches),
    "low-rank changes": around.with_low_rank,
    "quantised": lambda: quantised(tiny()),
    "quantised, with a classifier": lambda: quantised(Headed(around.first_token)),
    "half": lambda: tiny().half(),
    "bfloat16": lambda: tiny().bfloat16(),
    "double": lambda: tiny().double(),
    "mixed": mixed,
    "compiled": lambda: torch.compile(tiny()),
    "compiled forward": compiled_forward,
    "parallel": lambda: nn.DataParallel(tiny()),
    "made in inference mode": made_in_inference_mode,
    "on no device": lambda: tiny().to("meta"),
    "failing": failing,
    "two inputs": around.TwoInputs,
    "no transformer": lambda: nn.Linear(2, 2),
    "gated": lambda: build("eva02_tiny_patch14_224", img_size=32, patch_size=16, num_classes=5),
}
CONTEXTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "none": nullcontext,
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "meta device": lambda: torch.device("meta"),
}
WORKING = {"plain", "trained, with gradients", "wrapper", "frozen backbone", "mean of patches", "low-rank changes"} | {
    "compiled",
    "compiled forward",
    "parallel",
    "made in inference mode",
    "double",
    "mixed",
    "one class",
}
SPECS = [
    *(f"{name}:steps=1" if name == "integrated-gradients" else name for name in METHODS),
    "rollout:fusion=gradient",
]


def answer(module: Any, method: str) -> Result | str:
    """Return the result or, in one line, what a user is told."""
    try:
        return explain(module, PICTURE, [method])
    except VitexplainError as error:
        assert str(error) and "\n" not in str(error)
        return str(error)


def same_in_every_context(module: Any, method: str) -> Result | str:
    """Return the answer outside of any context, which is that in each of them."""
    plain = answer(module, method)
    for name, context in CONTEXTS.items():
        with context():
            found = answer(module, method)
        if isinstance(plain, str):
            assert found == plain, name
            continue
        assert isinstance(found, Result), (name, found)
        np.testing.assert_array_equal(found.explanations[0].scores, plain.explanations[0].scores, name)
        assert found.runtime == plain.runtime
    return plain


@pytest.mark.parametrize("kind", MODULES)
def test_every_module_in_every_context_by_every_method(kind: str) -> None:
    module = made(kind)
    for method in SPECS:
        found = same_in_every_context(module, method)
        assert kind not in WORKING or isinstance(found, Result), found


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_model_loaded_in_a_context_is_the_same_outside(name: str) -> None:
    module = tiny()
    with CONTEXTS[name]():
        model = load_model(module)
    plain = explain(tiny(), PICTURE, ["relevance"]).explanations[0].scores
    assert np.array_equal(explain(model, PICTURE, ["relevance"]).explanations[0].scores, plain)


def test_contexts_are_as_they_were_afterwards() -> None:
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)
        explain(tiny(), PICTURE, ["rollout"])
        assert torch.is_inference_mode_enabled() and torch.is_autocast_enabled("cpu")
        assert torch.get_default_dtype() == torch.float64


def test_the_callers_own_code_may_fail_in_any_way() -> None:
    with pytest.raises(ModelError, match=r"'vit_tiny_.*' cannot be explained, .*ZeroDivisionError: ") as failed:
        explain(failing(), PICTURE, ["relevance"])
    assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_what_is_no_model() -> None:
    wrong: list[tuple[Any, str]] = [
        (None, "of type NoneType; expected a name, a torch module"),
        (torch.nn.Linear, "a class: call it first"),
        (3, "of type int"),
        ({"head.weight": torch.ones(1)}, "of type dict.*: save these weights, .*, and give the file as `weights=`"),
        ((tiny(), 3), r"of type tuple.*: give its item 0, model\[0\]"),
        (SimpleNamespace(step=3, ema=tiny()), r"of type SimpleNamespace.*: give its module, model\.ema"),
    ]
    for model, words in wrong:
        with pytest.raises(ModelError, match=words):
            explain(model, PICTURE)
        with pytest.raises(ModelError, match=words):
            load_model(model)
    with pytest.raises(UsageError, match="`weights=` has no effect on a torch module"):
        load_model(tiny(), weights="w.pth")


def test_a_module_in_another_precision_and_with_names() -> None:
    model = load_model(tiny(), dtype="bfloat16", device="cpu", labels=list("abcde"), name="mine")
    assert (str(model.dtype), model.name, model.labels and model.labels.name(2)) == ("torch.bfloat16", "mine", "c")
    assert str(load_model(tiny().double()).dtype) == "torch.float64"
    assert explain(tiny(), PICTURE, labels=list("abcde")).predictions[0].label in list("abcde")
    assert explain(load_model(tiny()), PICTURE, labels=list("abcde")).predictions[0].label in list("abcde")
    with pytest.raises(ModelError, match="labels given: 4 names, expected 5"):
        explain(tiny(), PICTURE, labels=list("abcd"))


def test_how_a_module_is_loaded_can_be_said_where_it_is_explained() -> None:
    """Size, mean, deviation, pooling, precision and device: the same result as from `load_model`."""
    module = tiny(dynamic_img_size=True)
    for options in (
        {"mean": (0.1, 0.2, 0.3), "std": (0.2, 0.3, 0.4)},
        {"image_size": 48, "pool": "avg", "device": "cpu"},
        {"image_size": (32, 64), "dtype": torch.float32, "name": "mine"},
    ):
        expected = explain(load_model(module, **options), PICTURE, "relevance")
        (many,) = explain_many(module, [PICTURE], "relevance", **options)
        for found in (explain(module, PICTURE, "relevance", **options), many):
            assert isinstance(found, Result)
            assert (found.model, found.predictions) == (expected.model, expected.predictions)
            np.testing.assert_array_equal(found.explanations[0].scores, expected.explanations[0].scores)
        with pytest.raises(UsageError, match=r"`\w+=` is given beside a loaded model, .*: give it to load_model"):
            explain(load_model(module), PICTURE, **options)


def test_one_image_where_several_were_expected_is_explained_as_one(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.fromarray(PICTURE).save(path)
    with path.open("rb") as file:
        for one in (path, str(path), bytes(str(path), "utf-8"), PICTURE, Image.fromarray(PICTURE), file):
            (result,) = explain_many(tiny(), one, "rollout")
            assert isinstance(result, Result)
    assert len(list(explain_many(tiny(), np.stack([PICTURE, PICTURE]), "rollout"))) == 2
    (failure,) = explain_many(tiny(), "photos", "rollout")
    assert isinstance(failure, Failure) and isinstance(failure.error, InputError)
    with pytest.raises(UsageError, match="images of type int: expected paths, pictures or arrays in a list"):
        explain_many(tiny(), 3, "rollout")  # type: ignore[arg-type]


def test_the_bytes_of_a_picture_are_explained_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    module, data = tiny(), path.read_bytes()
    by_file, by_bytes = (explain(module, given, ["raw"]) for given in (path, data))
    assert by_bytes.picture.path is None and by_bytes.picture.sha256 == by_file.picture.sha256
    assert (by_bytes.explanations[0].scores == by_file.explanations[0].scores).all()
    (alone,) = explain_many(module, bytearray(data), ["raw"])
    assert isinstance(alone, Result)
    (failure,) = explain_many(module, [b"\0" * 5000], ["raw"])
    assert isinstance(failure, Failure) and len(str(failure.error)) < 200 and failure.path is None
