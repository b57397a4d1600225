"""Mean: several methods' scores as one map, each in shares of its own positive part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from vitexplain.attention import Fusion
from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.dimensions import Dimensions
from vitexplain.methods.method import EveryMethod, Method, MethodScores, Need, Statistics, canonical_spec, check_fit
from vitexplain.models import LoadedModel
from vitexplain.options import text

Part = tuple[Method, float]

_HEAVIEST = 1e6
"""Weights from its inverse to this one are as good as any, and are written without an exponent that has a "+"."""


def read_parts(written: str) -> tuple[Part, ...]:
    """Return the methods and their weights written as `SPEC*WEIGHT+SPEC*WEIGHT`; UsageError says what is wrong."""
    from vitexplain.methods.spec import parse_spec  # whose table of methods holds this one

    found = []
    for part in written.split("+"):
        spec, star, weight = part.partition("*")
        if star and not _is_weight(weight):
            raise UsageError(
                f"method 'mean:{written}': weight '{weight}' is not valid: expected a number from 1e-6 to 1e6"
            )
        method = parse_spec(spec)
        if isinstance(method, Mean):
            raise UsageError(f"method 'mean:{written}': a mean has no mean among its parts: name their methods")
        found.append((method, float(weight) if star else 1.0))
    return tuple(found)


def write_parts(written: str) -> str:
    """Return parts as a canonical spec has them: each method's own, weights other than 1 behind a `*`."""
    parts = read_parts(written)
    return "+".join(canonical_spec(method) + (f"*{weight:.12g}" if weight != 1 else "") for method, weight in parts)


def check_parts(written: str, dimensions: Dimensions) -> None:
    """Raise UsageError for an option of a part that the model does not fit."""
    for method, _ in read_parts(written):
        check_fit(method, dimensions)


@dataclass(frozen=True)
class Mean(EveryMethod):
    """The mean of several methods' maps: mean:libra*2+rollout.

    Each is divided by the sum of its positive part. `parts`: the methods' specs, joined by "+", each with its weight
    behind "*" (1 by default). A map without a positive score is left out.
    """

    name: ClassVar[str] = "mean"
    parts: str = text(
        "attn-lrp+rollout:fusion=gradient",
        expected="methods joined by +, each with its weight behind *: attn-lrp*2+rollout",
        read=write_parts,
        check=check_parts,
        bare=True,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", write_parts(self.parts))

    @cached_property
    def methods(self) -> tuple[Part, ...]:
        """The methods with their weights."""
        return read_parts(self.parts)

    @property
    def each(self) -> tuple[Method, ...]:
        """The methods alone."""
        return tuple(method for method, _ in self.methods)

    @property
    def needs(self) -> frozenset[Need]:
        """What any of the parts needs."""
        return frozenset().union(*(method.needs for method, _ in self.methods))

    @property
    def fusions(self) -> tuple[Fusion, ...]:
        """What the parts ask a forward pass for."""
        return tuple(dict.fromkeys(fusion for method, _ in self.methods for fusion in method.fusions))

    def why_not(self, model: LoadedModel) -> str | None:
        """Return why one of the parts cannot explain the model's network."""
        return next(filter(None, (method.why_not(model) for method in self.each)), None)

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; their positive and negative parts are shares of the whole."""
        found = [method(forward_pass) for method, _ in self.methods]
        weights = [weight for _, weight in self.methods]
        shares = [weight / sum(weights) * _shares(scores.values) for weight, scores in zip(weights, found, strict=True)]
        sources = {scores.source for scores in found if scores.source is not None}
        images = range(len(found[0].values))
        return MethodScores(
            values=np.sum(shares, axis=0).astype(np.result_type(*(scores.values for scores in found))),
            unit="mean of shares of the positive part",
            layers=(min(scores.layers[0] for scores in found), max(scores.layers[1] for scores in found)),
            source=sources.pop() if len(sources) == 1 else None,
            statistics=tuple(self._statistics(found, image) for image in images),
            notices=tuple(self._notices(found, image) for image in images),
            signed=any(scores.signed for scores in found),
        )

    def _statistics(self, found: Sequence[MethodScores], image: int) -> Statistics:
        """Return the statistics of all parts, each behind its spec."""
        return {
            f"{canonical_spec(method)} {name}": value
            for (method, _), scores in zip(self.methods, found, strict=True)
            for name, value in (scores.statistics[image] if scores.statistics else {}).items()
        }

    def _notices(self, found: Sequence[MethodScores], image: int) -> tuple[str, ...]:
        """Return the notices of all parts, each behind its spec, and which of them are left out."""
        told = []
        for (method, _), scores in zip(self.methods, found, strict=True):
            own = scores.notices[image] if scores.notices else ()
            if not (scores.values[image] > 0).any():
                own = (*own, "no score is above 0: left out of the mean")
            told += [f"{canonical_spec(method)}: {notice}" for notice in own]
        return tuple(told)


def _shares(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return scores (B, P), each image's divided by the sum of its positive ones; 0 where there is none."""
    positive = np.clip(values, 0, None).sum(1, keepdims=True, dtype=np.float64)
    return np.where(positive > 0, values / np.where(positive > 0, positive, 1), 0.0)


def _is_weight(written: str) -> bool:
    try:
        return 1 / _HEAVIEST <= float(written) <= _HEAVIEST
    except ValueError:
        return False
