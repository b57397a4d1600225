"""The tensors in a file of weights, read without running anything that the file says, and fitted to a network."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

_PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".tar")
_ENDINGS = ".safetensors, .pth, .pt, .bin, .ckpt or .tar"
# Where training programs put the weights: averaged ones first, as timm does.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state", "module", "teacher")
_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "base_model.")
# Every network that is described has this tensor: it tells a prefix where other tensors stand beside the network.
_PATCHES = "patch_embed.proj.weight"
# The counter of torch's AveragedModel stands beside the weights that it averaged.
_COUNTER = "n_averaged"
_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
_SHOWN = 3


def read_weights(path: Path) -> State:
    """Return the tensors by name from .safetensors, or from .pth, .pt, .bin, .ckpt or .tar with `weights_only=True`.

    Common wrappers ("state_dict", "model" ...) and prefixes ("module." ...) are taken off. ModelError: no such file,
    another kind of file, damaged, or one that would run code.
    """
    ending = path.suffix.lower()
    if ending != ".safetensors" and ending not in _PICKLES:
        raise ModelError(f"weights {path}: expected a file that ends in {_ENDINGS}")
    if not path.is_file():
        what = "a directory (a folder that timm wrote is given as --model)" if path.is_dir() else "no such file"
        raise ModelError(f"weights {path}: {what}, expected a {_ENDINGS} file: check the name")
    content = _read_safetensors(path) if ending == ".safetensors" else _read_pickle(path)
    state = _unwrapped(content)
    if not state:
        raise ModelError(f"weights {path}: no tensors by name in it, expected the state_dict of a model")
    return state


def classifier_size(state: State, classifiers: tuple[str, ...]) -> int | None:
    """Return the number of classes of the first classifier with a weight (C, D) in the state; None: there is none."""
    for name in classifiers:
        weight = state.get(f"{name}.weight")
        if weight is not None and weight.ndim == 2:
            return int(weight.shape[0])
    return None


def fit_weights(network: torch.nn.Module, state: State, path: Path) -> tuple[str, ...]:
    """Load the state into the network, converted by timm where it has another form; return notices.

    ModelError: the first keys and shapes that differ.
    """
    notices: tuple[str, ...] = ()
    if _differences(network, state):
        converted = _converted(network, state)
        if not _differences(network, converted):
            notices = _resized(state, converted)
            state = converted
    differences = _differences(network, state)
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise ModelError(
            f"weights {path} do not fit {type(network).__name__}: {'; '.join(differences[:_SHOWN])}{more}: "
            "check --model and --num-classes"
        )
    network.load_state_dict(state)
    return notices


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors.torch import load_file

    try:
        content: Mapping[str, Any] = load_file(path)
    except Exception as error:  # SafetensorError, OSError and what torch says of odd types
        raise ModelError(f"weights {path}: not a readable safetensors file ({_line(error)})") from None
    return content


def _read_pickle(path: Path) -> Mapping[str, Any]:
    import pickle

    import torch

    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()):
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # What torch says is long, and advises to load it nevertheless.
        forbidden = _FORBIDDEN.search(str(error))
        what = f"holds more than tensors ({forbidden[1]})" if forbidden else "is damaged or holds more than tensors"
        raise ModelError(
            f"weights {path}: refused, it {what}, which would run code: save model.state_dict() or use .safetensors"
        ) from None
    except Exception as error:  # a damaged archive raises many classes
        raise ModelError(f"weights {path}: not a readable file of weights ({_line(error)})") from None
    if not isinstance(content, Mapping):
        raise ModelError(f"weights {path}: holds a {type(content).__name__}, expected the state_dict of a model")
    return content


def _harmless() -> list[Any]:
    """Return what training programs put beside the tensors (timm: its arguments, the best metric), and runs nothing."""
    import argparse
    import pathlib

    import numpy as np

    scalar = np.float64(0).__reduce__()[0]  # numpy 1 and 2 keep it in different places
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    numbers = (np.float64, np.float32, np.int64, np.bool_)
    return [
        argparse.Namespace,
        pathlib.PosixPath,
        *((scalar, name) for name in names),
        np.dtype,
        *(type(np.dtype(number)) for number in numbers),
    ]


def _unwrapped(content: Mapping[Any, Any]) -> State:
    import torch

    for _ in range(3):
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    state = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    return _without_prefixes(state)


def _without_prefixes(state: State) -> State:
    """Return the state without the names that training programs put before the network's own.

    What stands beside a network that is found by its patches keeps its name (the classifier beside a "backbone.").
    """
    state = {key: value for key, value in state.items() if key != _COUNTER}
    while prefix := next((prefix for prefix in _PREFIXES if _is_before(prefix, state)), ""):
        beside = {key: value for key, value in state.items() if not key.startswith(prefix)}
        state = beside | {key.removeprefix(prefix): value for key, value in state.items() if key not in beside}
    return state


def _is_before(prefix: str, state: State) -> bool:
    under = [key for key in state if key.startswith(prefix)]
    return bool(under) and (len(under) == len(state) or any(key.endswith(_PATCHES) for key in under))


def _converted(network: torch.nn.Module, state: State) -> State:
    """Return the state in timm's names and shapes, by the converter of the network's module, if it has one."""
    convert = getattr(sys.modules.get(type(network).__module__), "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted: State = dict(convert(dict(state), network))
    except Exception:  # written for other checkpoints: then the differences of the original are told
        return state
    return converted


def _differences(network: torch.nn.Module, state: State) -> list[str]:
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    keys = [*wanted, *(key for key in given if key not in wanted)]
    return [
        f"{key} is {_size(given.get(key))}, expected {_size(wanted.get(key))}"
        for key in keys
        if given.get(key) != wanted.get(key)
    ]


def _size(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape)) or "a number"


def _resized(before: State, after: State) -> tuple[str, ...]:
    return tuple(
        f"{key} resized from {_size(tuple(before[key].shape))} to {_size(tuple(value.shape))} for this image size"
        for key, value in after.items()
        if "pos" in key and key in before and before[key].shape != value.shape
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
