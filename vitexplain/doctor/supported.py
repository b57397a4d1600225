"""What works with each of timm's names: every network is built without memory, and asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from vitexplain.attention import Fusion
from vitexplain.capture import FusedAttention, capture_network, plain_context
from vitexplain.errors import VitexplainError
from vitexplain.forward_pass import levels_of
from vitexplain.methods import METHODS, canonical_spec, parse_spec
from vitexplain.models import LoadedModel
from vitexplain.models.evaluation_transform import timm_preprocess
from vitexplain.models.registry import check_name, is_like
from vitexplain.models.timm_import import import_timm
from vitexplain.models.timm_network import unchecked_blank_network
from vitexplain.networks import Network, recognise

if TYPE_CHECKING:
    from torch import nn

ASKED = tuple(parse_spec(spec) for spec in (*METHODS, "rollout:fusion=gradient", "blank-out:fill=drop"))
"""The methods that every network is asked about."""

GRAPH = ("rollout", "flow", "raw")
CLASS_SPECIFIC = tuple(
    method.name for method in ASKED if "target" in method.needs and method.name in METHODS and method.name != "mean"
)

_ATTENDING = re.compile(r"Atte?n|GPSA|MHSA|SHSA|MLA$|Mlp?Mixer|MixerBlock|FocalModulation|SSD|Sequencer2d")
_GATES = frozenset(("SplitAttn", "SelectiveKernelAttn", "BilinearAttnTransform", "BatNonLocalAttn"))
"""Gates of a convolutional network's channels, which are named for attention, too."""


@dataclass(frozen=True)
class Support:
    """What works with a name of timm's.

    `family` is timm's module. `transformer`: whether its tokens or channels attend, or are mixed by what stands in for
    attention. `reason`: why nothing works, None where something does; then `methods` are the specs that work, `refused`
    says why the others do not, and `layers`, `grids` (rows and columns of every level, without repeats), `prefix` and
    `readout` are the graph's. `size` (height, width) is its own; `multiples` (rows, cols) of what other sizes must be
    multiples; None: it takes its own only.
    """

    name: str
    family: str
    transformer: bool
    reason: str | None = None
    methods: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    layers: int = 0
    grids: tuple[tuple[int, int], ...] = ()
    prefix: int = 0
    readout: str | None = None
    size: tuple[int, int] | None = None
    multiples: tuple[int, int] | None = None

    @property
    def has_graph(self) -> bool:
        """Whether rollout and flow work."""
        return "rollout" in self.methods and "flow" in self.methods

    @property
    def has_class_specific(self) -> bool:
        """Whether a method works that explains one class."""
        return any(name in self.methods for name in CLASS_SPECIFIC)


def names_like(pattern: str | None) -> list[str]:
    """Return timm's names that match a pattern with wildcards, or have it in them; all for None."""
    names: list[str] = import_timm().list_models()
    return [name for name in names if is_like(name, pattern)]


def support(
    pattern: str | None = None, asked: Callable[[str], object] = lambda _name: None, *, each: bool = False
) -> Iterator[Support]:
    """Yield what works with every name that matches the pattern (all for None), in timm's order.

    `asked` hears each name before its network is built. Networks are built on torch's meta device, where an empty
    picture runs through them without memory. Those that are made of the same classes with the same switches run the
    same code: one of them is asked about the methods for all; `each`: every one is.
    """
    known: dict[object, tuple[str | None, dict[str, str]]] = {}
    for name in names_like(pattern):
        asked(name)
        with plain_context():
            yield _support(name, known, each=each)


def _support(name: str, known: dict[object, tuple[str | None, dict[str, str]]], *, each: bool) -> Support:
    family = str(import_timm().model_entrypoint(name).__module__).rpartition(".")[2]
    module = unchecked_blank_network(name, {}).eval().requires_grad_(False)
    try:
        check_name(name)
        network = recognise(module)
        model = _model(network)
        levels = levels_of(network, *model.preprocess.size)
    except VitexplainError as error:
        return Support(name, family, attends(module), reason_of(error, name))
    key = name if each else (network.readout, network.overlapping, network.graphless, *sorted(_switches(module)))
    if key not in known:
        known[key] = _asked(model)
    reason, refused = known[key]
    if reason is not None:
        return Support(name, family, attends(module), reason)
    grids = dict.fromkeys((grid.rows, grid.cols) for grid in levels.grids)
    pixels = network.pixels
    return Support(
        name,
        family,
        attends(module),
        None,
        tuple(spec for spec in map(canonical_spec, ASKED) if spec not in refused),
        {spec: why.replace(f"'{_STAND_IN}'", "the model") for spec, why in refused.items()},
        len(levels.places),
        tuple(grids),
        levels.grids[0].prefix,
        network.readout,
        model.preprocess.size,
        pixels.patch if pixels.flexible else None,
    )


_STAND_IN = "it"


def _model(network: Network) -> LoadedModel:
    """Return the network as a model without weights, which methods can be asked about."""
    prepared, _ = timm_preprocess(network)
    first = next(network.module.parameters())
    return LoadedModel(network, _STAND_IN, "timm", prepared, None, network.classes, first.device, first.dtype)


def _asked(model: LoadedModel) -> tuple[str | None, dict[str, str]]:
    """Return why nothing works, and why some methods do not: capture sees every layer of an empty picture, or not."""
    network, size = model.network, model.preprocess.size
    empty = torch.zeros(1, 3, *size, dtype=model.dtype, device=model.device)
    try:
        with torch.inference_mode():
            levels = levels_of(network, *size)
            seen = FusedAttention(levels.grids, levels.places, frozenset({Fusion()}), 1, model.name)
            capture_network(network, network, empty, seen)
            if not network.graphless:
                seen.check_complete()
    except VitexplainError as error:
        return reason_of(error, model.name), {}
    found = {canonical_spec(method): method.why_not(model) for method in ASKED}
    return None, {spec: why for spec, why in found.items() if why is not None}


def attends(module: nn.Module) -> bool:
    """Whether the network has attention, of tokens or channels, or what mixes tokens in its place: by its classes."""
    names = {type(part).__name__ for part in module.modules()}
    return any(_ATTENDING.search(name) for name in names - _GATES)


def reason_of(error: VitexplainError, name: str) -> str:
    """Return why a model is refused, without its name and what to use instead."""
    said = getattr(error, "reason", None) or str(error).removeprefix(f"model {name}: ").removeprefix("not supported, ")
    return str(said)


def _switches(module: nn.Module) -> set[tuple[Any, ...]]:
    """Return the classes of a network's parts, each with its words and switches, and which parts it holds.

    Of its numbers those that decide most often: 0, 1, and which are equal (as many heads of keys as of queries).
    """
    found = set()
    for part in module.modules():
        words: list[tuple[str, str | int | None]]
        words = [(key, value) for key, value in vars(part).items() if isinstance(value, str | bool | None)]
        first: dict[int, str] = {}
        numbers = [(key, value) for key, value in vars(part).items() if type(value) is int]
        words += [(key, value if value in (0, 1) else first.setdefault(value, key)) for key, value in numbers]
        held = [(key, type(value).__name__) for key, value in {**part._modules, **part._parameters}.items()]
        held = [(key, kind) for key, kind in held if not key.isdigit()]
        found.add((type(part).__qualname__, repr(words), repr(held)))
    return found
