"""The classifier in a checkpoint: one linear layer in the network or beside it, or named where it is something else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

_NAMES = frozenset(
    {"head", "heads", "fc", "classifier", "linear", "clf", "cls_head", "fc_cls", "classification_head", "mlp_head"}
    | {"last_linear", "lin", "out", "output", "logits", "cls", "linear_head", "final", "final_layer"}
)
# Heads of self-supervised training, and projections into a space of embeddings: they give no classes.
_PROJECTION = re.compile(
    r"(?:^|\.)(?:dino_head|ibot_head|dino|ibot|projector|predictor|projection_head|contrastive_head|proj"
    r"|last_layer\d?|decoder\w*|head\.mlp|head\.proj|aux\w*)(?:\.|$)"
)
# What training programs keep beside a network, or among its own names.
OF_TRAINING = re.compile(
    r"(?:\w*(?:loss|criterion|metric|accuracy|auroc|confmat|queue|decoder|projector|predictor)\w*"
    r"|(?:train|val|valid|test)_\w+|\w+_acc|dino_head|ibot_head|projection_head|masked_embed|center|logit_scale"
    r"|logit_bias|aux\w*)$"
)


@dataclass(frozen=True)
class Classifier:
    """The classifier as `head.weight` and `head.bias` (empty: there is none), and which names its tensors had.

    `problem`: why it cannot be used, in words, "" where it can. `projections`: tensors of heads that give no classes.
    `taken_from`: the name of the layer, where it is not simply the network's own classifier.
    """

    state: State
    names: tuple[str, ...] = ()
    problem: str = ""
    projections: tuple[str, ...] = ()
    taken_from: str = ""


def find_classifier(network: State, beside: State, prefix: str, width: int) -> Classifier:
    """Return the classifier of a network `width` wide, kept under `prefix`, among its own tensors or those beside it.

    Beside it counts what is kept next to the network or to a module around it.
    """
    inside = {key: value for key, value in network.items() if key.startswith("head.")}
    projections = tuple(key for key in inside if _PROJECTION.search(key))
    own = {key: value for key, value in inside.items() if key not in projections}
    parts = prefix.split(".") if prefix else []
    around = {".".join(parts[:count]) for count in range(len(parts) + 1)}
    groups: dict[str, State] = {}
    names = list(own)
    for key, value in [*beside.items(), *((key, value) for key, value in network.items() if key not in inside)]:
        path = key.split(".")
        at = next((place for place, part in enumerate(path[:-1]) if part in _NAMES), None)
        if at is not None and ".".join(path[:at]) in around and not _PROJECTION.search(key):
            groups.setdefault(".".join(path[: at + 1]), {})[".".join(path[at + 1 :])] = value
            names.append(key)
    if own:
        groups[f"{prefix}.head".strip(".")] = {key.removeprefix("head."): value for key, value in own.items()}
    if not groups:
        groups = _of_another_name(beside, around, width)
        names = [f"{name}.{key}" for name, tensors in groups.items() for key in tensors]
    if not groups:
        return Classifier({}, (), "", projections)
    used = tuple(names)
    if len(groups) > 1:
        listed = " and ".join(sorted(groups)[:3])
        return Classifier({}, used, f"it holds {len(groups)} classifiers, {listed}", projections)
    name, tensors = next(iter(groups.items()))
    linear = _linear(tensors)
    if linear is None:
        return Classifier({}, used, f"its classifier {name} is {_words(tensors)}, not one linear layer", projections)
    weight = linear["weight"]
    if weight.shape[1] != width or weight.shape[0] == 0:
        what = f"its classifier {name} reads {weight.shape[1]:,} values, expected {width:,}"
        return Classifier({}, used, what, projections)
    state = {f"head.{key}": value for key, value in linear.items()}
    return Classifier(state, used, "", projections, name if list(own) != list(state) else "")


def _of_another_name(beside: State, around: set[str], width: int) -> dict[str, State]:
    """Return what can only be the classifier, whatever its name: the one linear layer of all that stands beside.

    It has a bias and reads the network's `width` features. What belongs to training or to a projection is none.
    """
    groups: dict[str, State] = {}
    for key, value in beside.items():
        outer = max((place for place in around if not place or key.startswith(f"{place}.")), key=len)
        own = key.removeprefix(f"{outer}.") if outer else key
        name, _, rest = own.partition(".")
        if rest and not _PROJECTION.search(key) and not OF_TRAINING.match(name):
            groups.setdefault(f"{outer}.{name}".strip("."), {})[rest] = value
    linear = {name: _linear(tensors) for name, tensors in groups.items()}
    fitting = [
        name for name, layer in linear.items() if layer and "bias" in layer and layer["weight"].shape[1] == width
    ]
    return {fitting[0]: groups[fitting[0]]} if len(fitting) == 1 else {}


def _linear(tensors: State) -> State | None:
    """Return weight (C, D) and bias (C,) if the tensors are those of one linear layer, however deep it is nested."""
    modules = {key.rpartition(".")[0] for key in tensors}
    last = {key.rpartition(".")[2]: value for key, value in tensors.items()}
    if len(modules) != 1 or not {"weight"} <= set(last) <= {"weight", "bias"} or last["weight"].ndim != 2:
        return None
    if "bias" in last and tuple(last["bias"].shape) != (last["weight"].shape[0],):
        return None
    return last


def _words(tensors: State) -> str:
    """Return what the layers of a classifier are, in words."""
    modules = dict.fromkeys(key.rpartition(".")[0] for key in tensors)
    kinds = []
    for module in modules:
        prefix = f"{module}." if module else ""
        weight = tensors.get(f"{prefix}weight")
        if f"{prefix}running_mean" in tensors:
            kinds.append("BatchNorm")
        elif weight is not None and weight.ndim == 2:
            kinds.append("Linear")
        elif weight is not None and weight.ndim == 1:
            kinds.append("a norm")
        else:
            kinds.append("another layer")
    return " + ".join(kinds[:4]) or "something else"
