"""A vision transformer inside another module: a wrapper, a backbone with its own classifier, LoRA, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch.overrides import TorchFunctionMode

from vitexplain.errors import UsageError
from vitexplain.networks.network import Network
from vitexplain.networks.of_inner import OfInner
from vitexplain.networks.recognise import adapter_of
from vitexplain.networks.twin import twin_of
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class Inside(OfInner):
    """A module that runs a vision transformer somewhere inside; its output is the module's own.

    `path` is the name of the transformer in the module, `inner` describes it. `readout` is what the whole module reads
    of level L, `classes` how many outputs it has; both were found by running it.
    """

    path: str
    inner: Network
    readout: Readout
    classes: int

    handles: ClassVar[tuple[str, ...]] = ()

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) through the whole module and return its outputs (B, C)."""
        return self._run(self.module, pixels)

    def embeds(self, outputs: int) -> bool:
        """Whether the outputs are an embedding: the transformer's own, where the module adds no layers to it."""
        return self.classes == 0 or (self.classes == self.inner.classes and self.inner.embeds(outputs))

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the transformer inside."""
        self.inner.check()

    def with_module(self, module: torch.nn.Module) -> Self:
        """Return the same description of another module."""
        return replace(self, module=module, inner=self.inner.with_module(module.get_submodule(self.path)))

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What the library keeps about the transformer; its labels only where it has as many classes as the module."""
        known = self.inner.configuration
        if self.inner.classes == self.classes:
            return known
        return {key: value for key, value in known.items() if key != "label_names"}

    def classify(self, tokens: Tensor) -> Tensor:
        """Return what the module returns (B, C) when tokens (B, N, D) leave the last block.

        The blocks are not run. The pixels are empty ones of a size that makes as many tokens.
        """
        height, width = self._size_of(tokens.size(1))
        last = {self.blocks[-1]: lambda _forward, *_args, **_kwargs: tokens}
        passed = dict.fromkeys(self.blocks[:-1], lambda _forward, entering, *_args, **_kwargs: entering)
        pixels = tokens.new_zeros(tokens.size(0), 3, height, width)
        return self._run(twin_of(self.module, {**passed, **last}), pixels)

    def _run(self, module: torch.nn.Module, pixels: Tensor) -> Tensor:
        with _KeepsGradients() if torch.is_grad_enabled() else nullcontext():
            return self.output(module(pixels), len(pixels))

    def _size_of(self, tokens: int) -> tuple[int, int]:
        """Return a size in pixels, (height, width), of which the transformer makes so many tokens."""
        pixels = self.pixels
        if pixels.built_for and self.levels(*pixels.built_for)[-1].tokens == tokens:
            return pixels.built_for
        height, width = pixels.patch
        patches = tokens - self.levels(height, width)[-1].prefix if pixels.flexible else 0
        rows = next((rows for rows in range(math.isqrt(max(patches, 0)), 0, -1) if patches % rows == 0), 0)
        if rows == 0:
            raise UsageError(f"{tokens} tokens: this model makes other numbers of tokens: use its own size")
        return rows * height, patches // rows * width

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of all that comes after them.

        Whatever the module has beside the transformer counts as what comes after it.
        """
        inside = f"{self.path}."
        upper = {inside + name for name in self.inner.parameters_above(layer)}
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if name in upper or not name.startswith(inside))


class _KeepsGradients(TorchFunctionMode):
    """While active, gradients stay on: a module that runs a frozen part under `no_grad` is differentiable all the same.

    What is explained is the function that the module computes, not how it was trained.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Turn gradients on where they would be turned off, and let everything else pass."""
        if func is torch._C._set_grad_enabled:
            return func(True)
        return func(*args, **(kwargs or {}))


def transformers_inside(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield the path and the module of every part of a class that an adapter describes, those nearest the top first.

    A part of such a part is not looked for; a part that has two names in the module is yielded under both.
    """
    waiting, seen = [("", module)], {id(module)}
    while waiting:
        below: list[tuple[str, torch.nn.Module]] = []
        for path, part in waiting:
            if adapter_of(part) is not None:
                yield path, part
                continue
            for name, child in part._modules.items():
                if child is not None and (id(child) not in seen or adapter_of(child) is not None):
                    seen.add(id(child))
                    below.append((f"{path}.{name}" if path else name, child))
        waiting = below
