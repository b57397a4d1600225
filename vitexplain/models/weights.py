"""The tensors in a file of weights fitted to a network: converted where timm can, refused where they differ."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError
from vitexplain.images.files import shown
from vitexplain.models.checkpoint import Checkpoint, of_network
from vitexplain.models.found_network import find_network
from vitexplain.models.looks import Looks, looks_of, sides
from vitexplain.models.registry import BUILTIN
from vitexplain.models.timm_names import fitting_names
from vitexplain.networks import SUPPORTED

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

_SHOWN = 3
_OTHER_SIZE = ", and leave `image_size=` out: timm cannot resize these positions"
_LAYER_SCALE = re.compile(r"gamma_([12])$")
"""As DeiT III and others write it; timm's converter renames it for some of its own files only."""
_LAYER = re.compile(r"^blocks\.\d+\.(?:attn\.)?")

_OTHER_LIBRARY = {
    "transformers": "give the folder that save_pretrained wrote as `model=`, or the module in Python",
    "torchvision": "give the module in Python, or `model=torchvision:NAME` with this file",
    "vit-pytorch": f"that one is not supported, use one of the {SUPPORTED}",
}


def refuse_other_library(checkpoint: Checkpoint) -> None:
    """Raise ModelError, with the library's name and what to do, if timm's converters do not read the weights."""
    looks = checkpoint.looks
    if looks is not None and looks.library not in ("timm", "open_clip"):
        raise ModelError(
            f"weights {shown(str(checkpoint.path))}: these are weights of {looks.library}'s vision transformer "
            f"({looks}), not of timm's: {_OTHER_LIBRARY[looks.library]}"
        )


def refuse_other_network(network: torch.nn.Module, state: State, path: Path) -> None:
    """Raise ModelError, with names of tensors, if none of them is the network's, as it stands or converted by timm.

    The network may be on the meta device.
    """
    wanted = network.state_dict()
    if wanted.keys().isdisjoint(state) and wanted.keys().isdisjoint(_converted(network, state)):
        names = ", ".join(shown(key)[:60] for key in list(state)[:_SHOWN])
        raise ModelError(
            f"weights {shown(str(path))}: no weights of a vision transformer that is known in it (its tensors are "
            f"{names}{' and others' * (len(state) > _SHOWN)}): check `weights=`"
        )


def refuse_other_size(network: torch.nn.Module, state: State, path: Path, name: str | None = None) -> None:
    """Raise ModelError if the weights are those of a network of another width or depth, with timm's name of it.

    The network may be on the meta device: nothing is built or loaded before the two are known to be of one size.
    `name` is the model's as given, None for a network without a name.
    """
    ours, theirs = looks_of(network.state_dict()), _looks(state)
    if ours is None or theirs is None or (ours.width, ours.depth) == (theirs.width, theirs.depth):
        return
    is_builtin = name == BUILTIN
    has = f"{ours.width:,} and {ours.depth:,}"
    own = "the built-in model, used where `model=` is not given," if is_builtin else name or "the network"
    names = fitting_names(state, theirs)
    found = f"these are weights of {names[0]} ({theirs})" if names else f"a vision transformer of {theirs}"
    advice = f"give `model={names[0]}`" if names else "give the module itself in Python, timm has no name for its size"
    also = f" (or {', '.join(names[1:3])})" if len(names) > 1 else ""
    raise ModelError(
        f"weights {shown(str(path))} do not fit {type(network).__name__}: {found}; {own} has {has}: {advice}{also}"
    )


def fit_weights(network: torch.nn.Module, state: State, path: Path, name: str | None = None) -> tuple[str, ...]:
    """Load the state into the network, converted by timm where it has another form; return notices.

    ModelError: weights of another size, the first keys and shapes that differ, quantised or not finite numbers.
    """
    notices: tuple[str, ...] = ()
    if _differences(network, state):
        refuse_other_size(network, state, path, name)
        converted = _converted(network, state)
        if not _differences(network, converted):
            notices = _resampled(network, state, converted)
            state = converted
    differences = _differences(network, state)
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise ModelError(
            f"weights {shown(str(path))} do not fit {type(network).__name__}: {'; '.join(differences[:_SHOWN])}{more}: "
            f"check `model=` and `num_classes=`{_OTHER_SIZE if all('pos' in text for text in differences) else ''}"
        )
    _check_numbers(network, state, path)
    network.load_state_dict(state)
    return notices


def same_weights(state: State) -> list[str]:
    """Return timm's names of networks that take these weights of a whole module, wherever in it; [] for none."""
    try:
        found = find_network(state)
    except ValueError:
        return []
    checkpoint = None if found is None else of_network(Path("weights.pth"), found)
    looks = None if checkpoint is None else checkpoint.looks
    return fitting_names(checkpoint.state, looks) if checkpoint and looks and looks.library == "timm" else []


def _looks(state: State) -> Looks | None:
    """Return what the state looks like, also that of CLIP's tower, which keeps its prefix for timm's converter."""
    return looks_of(state) or looks_of({key.removeprefix("visual."): value for key, value in state.items()})


def _check_numbers(network: torch.nn.Module, state: State, path: Path) -> None:
    """Check that the values are numbers as networks compute with: no whole ones in place of broken ones, no NaN."""
    import torch

    for key, wanted in network.state_dict().items():
        value = state[key]
        if not wanted.is_floating_point():
            continue
        if not value.is_floating_point():
            raise ModelError(
                f"weights {shown(str(path))}: {key} holds whole numbers, as quantised models do: save the model in "
                "float32 or float16"
            )
        # A sum is fast and shows every NaN; a sum that overflows is looked at once more.
        if not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
            raise ModelError(
                f"weights {shown(str(path))}: {key} holds NaN or infinite numbers: its training failed, or the file is "
                "damaged"
            )


def _converted(network: torch.nn.Module, state: State) -> State:
    """Return the state in timm's names and shapes, by the converter of the network's module, if it has one."""
    convert = getattr(sys.modules.get(type(network).__module__), "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of how timm resizes tables
            converted: State = dict(convert(dict(state), network))
    except Exception:  # written for other checkpoints: then the differences of the original are told
        return state
    wanted = network.state_dict()
    named = ((_LAYER_SCALE.sub(r"ls\1.gamma", key), key) for key in converted)
    return {name if name in wanted else key: converted[key] for name, key in named}


def _differences(network: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> list[str]:
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    keys = [*wanted, *(key for key in given if key not in wanted)]
    return [
        f"{shown(key)[:100]} is {_size(given.get(key))}, expected {_size(wanted.get(key))}"
        for key in keys
        if given.get(key) != wanted.get(key)
    ]


def _size(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape)) or "a number"


def _resampled(network: torch.nn.Module, before: State, after: State) -> tuple[str, ...]:
    """Return a notice for each table that was enlarged or reduced; a class token that was taken out of it is neither.

    A file whose converter renames its tensors is compared by what it looks like.
    """
    notices = []
    theirs, ours = _looks(before), looks_of(after)
    if theirs and ours and theirs.patch and ours.patch and theirs.patch != ours.patch:
        notices.append(
            f"patch_embed.proj.weight resampled from patches of {sides(theirs.patch)} to {sides(ours.patch)} pixels, "
            "which is not the network that was trained"
        )
    for key, value in after.items():
        if "pos" in key and key in before and before[key].shape != value.shape:
            prefix = {0, 1, int(getattr(network, "num_prefix_tokens", 1))}
            if key == "pos_embed" and before[key].ndim == 3 and before[key].shape[1] - value.shape[1] in prefix:
                continue
            sizes = f"{_size(tuple(before[key].shape))} to {_size(tuple(value.shape))}"
            layers = _LAYER.sub("", key)
            notices.append(f"{layers}{' of each layer' * (layers != key)} resized from {sizes} for this image size")
    if not any("pos" in notice for notice in notices) and theirs and ours and theirs.grid and ours.grid:
        renamed = "pos_embed" in after and "pos_embed" not in before
        if renamed and theirs.grid != ours.grid:
            notices.append(
                f"pos_embed resized from {sides(theirs.grid)} to {sides(ours.grid)} patches for this image size"
            )
    return tuple(dict.fromkeys(notices))
