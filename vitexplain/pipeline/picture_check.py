"""PictureCheck: an explanation checked on its own picture, by removing patches and asking the model again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import FILLS, FillName, outputs_without
from vitexplain.methods.removal import Order, answers_of, ranked
from vitexplain.result import Similarity, Target, plain_number
from vitexplain.result.check import (
    ABOVE_HALF,
    HALF_WAY,
    MOST_PROBABLE,
    PROBABILITY,
    SIMILARITY,
    VALUE,
    Answers,
    Check,
)

DRAWS = 8
"""Random sets of patches that the highest ones are compared with."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PictureCheck:
    """How explanations are checked: the `share` of patches removed at once, what replaces them, the seed of the draws.

    UsageError for values outside their range.
    """

    share: float = 0.1
    fill: FillName = "mean"
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not isinstance(self.share, int | float) or not 0 < self.share < 1:
            raise UsageError(
                f"`check_share={self.share}` is not valid: expected a share of the patches, above 0 and below 1"
            )
        if self.fill not in FILLS:
            raise UsageError(f"fill '{self.fill}' is not valid: expected one of {', '.join(FILLS)}")

    def of(self, forward_pass: ForwardPass, image: int, scores: npt.NDArray[Any], target: Target | Similarity) -> Check:
        """Return the check of scores (rows, cols) of one image of the batch, for the target the pass is asked about.

        Costs 2 + 2 * DRAWS forward passes of the one picture for all its explanations, and for each of them 4 and the
        bisection's: 2 for every halving of the number of patches, in batches of 2.
        """
        flat = scores.ravel()
        key = forward_pass.image_keys[image]
        order = ranked(flat, self.seed, key)
        patches = max(1, min(len(flat) - 1, math.floor(self.share * len(flat) + 0.5)))
        # Nothing, all, the random sets, and all but these: the same for every explanation of the picture.
        sets = np.stack([_set(draw, len(flat)) for draw in self._draws(key, len(flat), patches)])
        shared = np.concatenate([np.zeros_like(sets[:1]), np.ones_like(sets[:1]), sets, ~sets])
        known = forward_pass.once(
            ("check", image, self), lambda: outputs_without(forward_pass, image, torch.from_numpy(shared), self.fill)
        )
        highest, lowest = _set(order[:patches], len(flat)), _set(order[-patches:], len(flat))
        own = self._outputs(forward_pass, image, np.stack([highest, lowest, ~highest, ~lowest]))
        shared_answers = answers_of(forward_pass, known, image, self.fill)
        answers = answers_of(forward_pass, own, image, self.fill)
        whole, empty = shared_answers[:2]
        rule, keeps = _rule(forward_pass, image, target, known[:1], whole, empty)
        flags = keeps(torch.cat((known[1:2], own)))

        def kept(removed: Flags) -> list[bool]:
            return keeps(self._outputs(forward_pass, image, removed))

        suffices, changes = _bisected(order, kept, empty=flags[0], patches=patches, removed=flags[1], alone=flags[3])
        cols = scores.shape[1]
        return Check(
            target=target,
            of=_quantity(forward_pass),
            fill=self.fill,
            seed=self.seed,
            share=self.share,
            patches=patches,
            whole=_short(whole),
            empty=_short(empty),
            removed=_answers(answers[0], shared_answers[2 : 2 + DRAWS], answers[1]),
            kept=_answers(answers[2], shared_answers[2 + DRAWS :], answers[3]),
            keeps=rule,
            sufficient=tuple((int(patch) // cols, int(patch) % cols) for patch in order[:suffices]),
            changes=changes,
        )

    def _draws(self, image_key: str, count: int, patches: int) -> list[Order]:
        """Return DRAWS random sets of patches; the same seed and image always give the same."""
        drawn = hashlib.sha256(f"{self.seed}:check:{image_key}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(drawn, "big"))
        return [generator.permutation(count)[:patches] for _ in range(DRAWS)]

    def _outputs(self, forward_pass: ForwardPass, image: int, removed: Flags) -> Tensor:
        return outputs_without(forward_pass, image, torch.from_numpy(removed), self.fill)


def _rule(
    forward_pass: ForwardPass,
    image: int,
    target: Target | Similarity,
    whole_output: Tensor,
    whole: float,
    empty: float,
) -> tuple[str, Callable[[Tensor], list[bool]]]:
    """Return the word of KEEPS that suits the target, and what says for outputs (K, O) which keep the answer."""
    model = forward_pass.model

    def most_probable(outputs: Tensor) -> list[bool]:
        assert isinstance(target, Target)
        return (model.of_classes(outputs).argmax(-1) == target.index).tolist()

    def above_half(outputs: Tensor) -> list[bool]:
        return (forward_pass.answer(outputs, image) > 0.5).tolist()

    def half_way(outputs: Tensor) -> list[bool]:
        found = forward_pass.answer(outputs, image).double()
        return ((found - empty).abs() >= (found - whole).abs()).tolist()

    if isinstance(target, Target) and target.against is None and not target.lowers:
        if model.activation == "softmax" and most_probable(whole_output)[0]:
            return MOST_PROBABLE, most_probable
        if model.activation == "sigmoid" and above_half(whole_output)[0]:
            return ABOVE_HALF, above_half
    return HALF_WAY, half_way


def _bisected(
    order: Order, kept: Callable[[Flags], list[bool]], *, empty: bool, patches: int, removed: bool, alone: bool
) -> tuple[int, int | None]:
    """Return how many of the first patches suffice alone, and how many have to be removed until the answer is lost.

    `empty`: whether it is kept without any patch; `removed` and `alone`: without the first `patches`, and with them
    alone, where both searches begin. Each keeps a number that is enough and one that is not, and halves what is
    between.
    """
    count = len(order)
    if empty:
        return 0, None
    few, enough = (0, patches) if alone else (patches, count)
    still, lost = (patches, count) if removed else (0, patches)
    while enough - few > 1 or lost - still > 1:
        middles = (few + enough) // 2, (still + lost) // 2
        searching = enough - few > 1, lost - still > 1
        sets = [~_set(order[: middles[0]], count), _set(order[: middles[1]], count)]
        found = kept(np.stack([each for each, needed in zip(sets, searching, strict=True) if needed]))
        if searching[0]:
            few, enough = (few, middles[0]) if found[0] else (middles[0], enough)
        if searching[1]:
            still, lost = (middles[1], lost) if found[-1] else (still, middles[1])
    return enough, lost


def _set(patches: Order, count: int) -> Flags:
    flags = np.zeros(count, np.bool_)
    flags[patches] = True
    return flags


def _quantity(forward_pass: ForwardPass) -> str:
    return {"logit": PROBABILITY, "similarity": SIMILARITY}.get(forward_pass.quantity, VALUE)


def _answers(highest: float, random: npt.NDArray[np.float64], lowest: float) -> Answers:
    return Answers(_short(highest), tuple(_short(each) for each in random), _short(lowest))


def _short(answer: float) -> float:
    """Return an answer as the shortest decimal of its float32."""
    return float(plain_number(np.float32(answer)))
