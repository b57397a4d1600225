"""What a method is: a frozen dataclass of options that turns a forward pass into scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Protocol, cast

import numpy.typing as npt

from vitexplain.attention import FUSIONS, RULES, Fusion, LayeredGraph, check_source
from vitexplain.capture import AT_ATTENTION, Rules
from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.dimensions import Dimensions, check_head, check_layers, check_source_exists
from vitexplain.methods.smoothing import smoothed
from vitexplain.models import LoadedModel
from vitexplain.options import (
    LayerRange,
    bare_option,
    choice,
    count,
    layer_range,
    number,
    options_in,
    text,
    write_option,
)
from vitexplain.tokens import TokenGrid

Need = Literal["target", "gradients", "model"]
"""What a method needs besides attention: a class to explain; gradients of that class's logit; the model itself, to run
it again."""

NOTHING: frozenset[Need] = frozenset()
CLASS_GRADIENTS: frozenset[Need] = frozenset({"target", "gradients"})

Statistics = Mapping[str, float | int | None]


@dataclass(frozen=True, eq=False)
class MethodScores:
    """The scores of a batch, in the method's own unit, never rescaled.

    `values` (B, P), patches row by row. `layers` is the range of layers they come from, `source` where they start
    (None where a method has none). `statistics`, `notices` and `cut_layers` hold one entry per image, or nothing.
    `signed`: a score's sign says whether the patch spoke for or against the target.
    """

    values: npt.NDArray[Any]
    unit: str
    layers: LayerRange
    source: str | None = None
    statistics: tuple[Statistics, ...] = ()
    notices: tuple[tuple[str, ...], ...] = ()
    cut_layers: tuple[tuple[tuple[int, ...], ...], ...] = ()
    signed: bool = False


class Method(Protocol):
    """A method with its options, which are the fields of a frozen dataclass."""

    name: ClassVar[str]

    @property
    def needs(self) -> frozenset[Need]:
        """What the method needs besides attention."""

    @property
    def fusions(self) -> tuple[Fusion, ...]:
        """The head fusions that the method will ask a forward pass for."""

    def why_not(self, model: LoadedModel) -> str | None:
        """Return why the method cannot explain the model's network, and what to use instead; None: it can.

        No picture is needed, and no weights: the network may be on torch's meta device.
        """

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch."""


def options_of(method: Method) -> dict[str, Any]:
    """Return all options of a method with their values, by name."""
    return {field.name: getattr(method, field.name) for field in fields(method)}  # type: ignore[arg-type]


def with_parts(methods: Iterable[Method]) -> tuple[Method, ...]:
    """Return the methods, those of which a mean is made in its place."""
    return tuple(part for method in methods for part in getattr(method, "each", (method,)))


def needs_graph(method: Method) -> bool:
    """Return whether a method looks at attention or at the layers between tokens, as not every network has them."""
    parts = with_parts((method,))
    return any(bool(part.fusions) or getattr(part, "reads_layers", False) for part in parts)


def without_graph(model: LoadedModel, method: Method) -> str | None:
    """Return why the model cannot do a method that looks at attention between tokens; None if it can."""
    why = model.network.graphless
    return f"it needs a graph of attention, and '{model.name}' has none: {why}" if why and needs_graph(method) else None


def gradients_asked(methods: Iterable[Method]) -> dict[Rules | None, int]:
    """Return for each set of rules that the methods take gradients by the lowest layer whose gradients they ask for.

    1, where the patch embeddings are, for methods that do not say which layers they look at. Methods that run the model
    by themselves ask for none.
    """
    found: dict[Rules | None, int] = {}
    for method in with_parts(methods):
        if "gradients" in method.needs and not getattr(method, "runs_alone", False):
            rules: Rules | None = getattr(method, "gradient_rules", None)
            first = (options_of(method).get("layers") or (1, 1))[0]
            found[rules] = min(first, found.get(rules, first))
    return found


def check_fit(method: Method, dimensions: Dimensions) -> None:
    """Raise UsageError if an option names a layer, head or patch that a model of these dimensions does not have."""
    for name, option in options_in(type(method)).items():
        if option.check is not None:
            option.check(getattr(method, name), dimensions)


def canonical_spec(method: Method) -> str:
    """Return the spec that identifies the explanation: the name, then only options that differ from the defaults."""
    given = [
        field.name
        for field in fields(method)  # type: ignore[arg-type]
        if getattr(method, field.name) != field.default
    ]
    bare = bare_option(type(method))
    named = [f"{name}={write_option(method, name)}" for name in sorted(given) if name != bare]
    written = ",".join([*named, *(write_option(method, name) for name in given if name == bare)])
    return f"{method.name}:{written}" if written else method.name


@dataclass(frozen=True, kw_only=True)
class EveryMethod:
    """What all methods share: `smooth`, the share of each patch's neighbourhood in its score (see smoothing.py).

    A method says in `scores` what it finds; what it is called for are the smoothed scores.
    """

    smooth: float = number(
        0.0, "Share of a patch's score that is the mean of the patches around it, 0 to 1 (0).", low=0, high=1
    )

    def why_not(self, model: LoadedModel) -> str | None:
        """Return why the method cannot explain the model's network, None where it can."""
        return without_graph(model, cast("Method", self))

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch."""
        return self.smoothed(self.scores(forward_pass), forward_pass.grid)

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch before they are smoothed."""
        raise NotImplementedError

    def smoothed(self, scores: MethodScores, grid: TokenGrid) -> MethodScores:
        """Return scores smoothed as the method's option says."""
        return replace(scores, values=smoothed(scores.values, grid, self.smooth))


@dataclass(frozen=True)
class FusedAttentionOptions(EveryMethod):
    """Options of the methods that look at fused attention from a source.

    `fusion`: mean, max or min over the heads, or gradient, their mean weighted by the target's gradient; `head`: one
    head alone instead (from 0). `discard`: the fraction of smallest entries of each layer that is dropped. `layers`:
    (A, B), both included, from 1 nearest the image; all by default. `source`: readout, cls, patch:R,C or token:N at
    the output of layer B. `rules`: plain, or libra, under which the gradient is taken (see libra.py).
    """

    fusion: str = choice("mean", "How heads are fused: mean, max, min or gradient-weighted (gradient).", words=FUSIONS)
    head: int | None = count(
        None,
        "One head alone, counted from 0. Head numbers do not correspond between layers.",
        expected="the number of a head, counted from 0",
        check=check_head,
    )
    discard: float = number(
        0.0, "Fraction of the smallest attention of each layer that is dropped.", low=0, high=1, below=True
    )
    layers: LayerRange | None = layer_range(
        None, "Layers A to B only, both included, 1 nearest the image; one number is one layer.", check=check_layers
    )
    source: str = text(
        "readout",
        "Where rollout and flow start: readout, cls, patch:ROW,COL or token:N.",
        expected="readout, cls, patch:ROW,COL or token:N",
        read=check_source,
        check=check_source_exists,
    )
    rules: str = choice("plain", words=RULES)

    @property
    def gradient_rules(self) -> Rules | None:
        """The rules of the gradients."""
        return AT_ATTENTION[self.rules]

    def __post_init__(self) -> None:
        if self.head is not None and self.fusion != "mean":
            raise UsageError(f"head {self.head} and fusion {self.fusion} cannot be combined: give one of them")
        if self.rules != "plain" and self.fusion != "gradient":
            raise UsageError(f"rules={self.rules} has no effect without gradients: add fusion=gradient")

    @property
    def head_fusion(self) -> Fusion:
        """The fusion that these options ask for."""
        return Fusion(self.fusion, self.head, self.rules)  # type: ignore[arg-type]

    @property
    def needs(self) -> frozenset[Need]:
        """A class and its gradients for gradient fusion, nothing otherwise."""
        return CLASS_GRADIENTS if self.fusion == "gradient" else NOTHING

    @property
    def fusions(self) -> tuple[Fusion, ...]:
        """The head fusions that the method will ask a forward pass for."""
        return (self.head_fusion,)


@dataclass(frozen=True)
class GraphOptions(FusedAttentionOptions):
    """Options of the methods that work on the whole graph: `residual` is the share of the skip connection."""

    residual: float = number(0.5, "Share of the skip connection in each layer, 0 to 1 (0.5).", low=0, high=1)

    def graph(self, forward_pass: ForwardPass, **extra: Any) -> LayeredGraph:
        """Return the graph that these options describe."""
        return forward_pass.graph(
            self.head_fusion,
            residual=self.residual,
            discard=self.discard,
            source=self.source,
            layers=self.layers,
            **extra,
        )
