"""What a network's outputs mean: classes with probabilities, values, or an embedding; and the names of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from vitexplain.errors import ModelError, UsageError
from vitexplain.models.configuration import PROBLEM_TYPES
from vitexplain.models.label_files import LabelSource, given_labels, metadata_labels, resolve_labels
from vitexplain.models.labels import Labels
from vitexplain.networks import Network

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Activation = Literal["softmax", "sigmoid", "none"]
"""What makes probabilities of the outputs: of all classes together, of each by itself, or nothing: they are values."""

AUTO = "auto"

_BY_PROBLEM: dict[object, Activation] = dict(zip(PROBLEM_TYPES, get_args(Activation), strict=True))

_ONE_OUTPUT = (
    "the model has one output: its value is shown; if it is a logit, `activation=sigmoid` shows its probability "
    "(`activation=none` says that it is a value)"
)
_SHARES = (
    "the outputs add up to 1: they are probabilities already, and shown as they are (`activation=softmax` takes them "
    "for logits)"
)
_IN_RANGE = (
    "all outputs are between 0 and 1: if they are probabilities already, `activation=none` shows them as they are "
    "(`activation=softmax` says that they are logits)"
)
_ADDS_UP = 2e-3
"""How far from 1 probabilities in half precision may add up to."""
_ASSUMED = (
    "the classes are named after ImageNet, as their number is that of the model's configuration: if they are your own, "
    "name them with `labels=`"
)


@dataclass(frozen=True)
class Meaning:
    """The number of classes (0: the outputs are features), what makes probabilities of them, and their names.

    `no_predictions`: why there are none, in words; "" where there are.
    """

    num_classes: int
    activation: Activation
    labels: Labels | None = None
    notices: tuple[str, ...] = ()
    no_predictions: str = ""


def check_activation(activation: str) -> None:
    """Raise UsageError for another word than auto, softmax, sigmoid or none."""
    if activation not in (AUTO, *get_args(Activation)):
        raise UsageError(
            f"activation {activation!r} is not valid: expected auto, softmax (one class of several), sigmoid (each by "
            "itself) or none (values)"
        )


def meaning_of(
    network: Network,
    name: str,
    outputs: int,
    *,
    activation: str = AUTO,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None = None,
    metadata: object = None,
    table: bool | None = None,
    problem_type: str | None = None,
    returned: Tensor | None = None,
) -> Meaning:
    """Return what `outputs` numbers per picture mean (0: features, as there is no classifier).

    `activation` auto: what the configuration says of the problem (`problem_type` comes with the weights), else softmax
    for two outputs or more and none for one, or for outputs that are probabilities already, going by those `returned`
    for one picture (1, C). An embedding counts as classes where `activation` or `labels` say so.
    `labels` are given by the user, `metadata` came with the weights; without both, timm's ImageNet names are taken if
    `table` (None: and said to be).

    UsageError: an activation that cannot be; ModelError: labels that do not fit.
    """
    check_activation(activation)
    probabilities = activation in ("softmax", "sigmoid")
    if not outputs and probabilities:
        raise UsageError(
            f"activation {activation}: model '{name}' has no classifier whose outputs could be probabilities: leave "
            "`activation=` out"
        )
    claimed = probabilities or (labels is not None and network.classes > 0)
    if not outputs or (network.embeds(outputs) and not claimed):
        return Meaning(0, "none", no_predictions=_why_none(network, name, outputs))
    problem = problem_type or network.configuration.get("problem_type")
    made = _activation(activation, problem, outputs)
    said = activation == "none" or problem == "regression"
    notices = [_ONE_OUTPUT] if outputs == 1 and made == "none" and not said else []
    if activation == AUTO and made == "softmax" and returned is not None:
        made, told = _already(returned)
        notices += told
    sides = _sides(labels, metadata, made) if outputs == 1 else None
    if sides is not None:
        return Meaning(2, made, sides, tuple(notices))
    named = resolve_labels(labels, outputs, metadata, table=table is not False)
    if table is None and labels is None and named is not None and metadata_labels(metadata, outputs) is None:
        notices.append(_ASSUMED)
    return Meaning(outputs, made, named, tuple(notices))


def outputs_of_blank(network: Network, size: tuple[int, int], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return what the network returns for a blank picture of `size` (height, width), (1, C).

    ModelError: it cannot run it, or returns something else.
    """
    import torch

    try:
        with torch.inference_mode():
            return network(torch.zeros(1, 3, *size, device=device, dtype=dtype))
    except ModelError:
        raise
    except Exception as error:  # whatever a module's own code raises
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        height, width = size
        raise ModelError(
            f"the model cannot run a blank picture of {height} x {width} pixels ({type(error).__name__}: {reason}): "
            "check that it takes pixels (B, 3, height, width) of this size"
        ) from None


def _activation(given: str, problem: object, outputs: int) -> Activation:
    for word in get_args(Activation):
        if word == given:
            if word == "softmax" and outputs == 1:
                raise UsageError(
                    "activation softmax over one output is always 1: use `activation=sigmoid` if it is a logit, "
                    "`activation=none` if it is a value"
                )
            found: Activation = word
            return found
    said = _BY_PROBLEM.get(problem, "softmax")
    return "none" if said == "softmax" and outputs == 1 else said


def _already(returned: Tensor) -> tuple[Activation, list[str]]:
    """Return what makes probabilities of several outputs, and a notice where softmax would not, or may not."""
    numbers = returned.double()
    low, high, total = float(numbers.min()), float(numbers.max()), float(numbers.sum())
    if low >= 0 and abs(total - 1) < _ADDS_UP:
        return "none", [_SHARES]
    return "softmax", [_IN_RANGE] if 0 <= low < high <= 1 else []


def _sides(
    given: LabelSource | Sequence[str] | Mapping[int, str] | None, metadata: object, activation: Activation
) -> Labels | None:
    """Return the names of the two sides of one output, the one of low values first; None: there are no two names."""
    labels = metadata_labels(metadata, 2) if given is None else given_labels(given)
    if labels is None or len(labels) != 2:
        return None
    if activation == "sigmoid":
        return resolve_labels(labels, 2)
    if given is None:
        return None
    raise ModelError(
        "labels: 2 names for one output: they are its two sides (the one of low values first) only where it is a "
        "logit: give `activation=sigmoid`, or one name"
    )


def _why_none(network: Network, name: str, outputs: int) -> str:
    asked = "give `reference_image=` to explain its likeness to another picture"
    if not outputs or network.classes == 0:
        return f"model '{name}' has no classifier: explained without predictions; {asked}"
    return (
        f"model '{name}' returns an embedding of {outputs:,} numbers, going by its name and last layer, no classes: "
        f"explained without predictions; {asked}, or `activation=softmax` if they are classes"
    )
