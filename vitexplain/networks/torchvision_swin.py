"""torchvision's SwinTransformer: swin_t, swin_v2_t and their siblings, any size of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout, by_token
from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import PlainVit, outputs_of
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import halved, merged_squares, shifted_windows
from vitexplain.networks.transformers_vit import IMAGENET
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Place

_RESIZED = {224: 232, 256: 260}
"""What torchvision reduces pictures to before it crops them: its swin_t and its swin_v2_t."""


@dataclass(frozen=True, eq=False)
class TorchvisionSwin(PlainVit):
    """`features`: the patches, then in turn a stage of blocks and a merging of squares of 2 x 2 patches."""

    handles: ClassVar[tuple[str, ...]] = ("torchvision.models.swin_transformer.SwinTransformer",)
    before: ClassVar[tuple[str, ...]] = ("features.0.",)
    embedding: ClassVar[str] = "features.0"

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        channels = self.module.get_submodule("features.0.0").in_channels
        if channels != 3:
            raise refuse(self.module, f"it takes pictures of {channels} channels instead of 3")
        for name in self._attending:
            attention: Any = getattr(self.module.get_submodule(name), "attn", None)
            if not hasattr(attention, "window_size") or not hasattr(attention, "shift_size"):
                raise refuse(self.module, f"its block {name} says no windows")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the blocks and the mergings, as they follow each other."""
        found = []
        for number, part in list(self.module.features.named_children())[1:]:
            name = f"features.{number}"
            merges = hasattr(part, "reduction")
            found += [name] if merges else [f"{name}.{block}" for block, _ in part.named_children()]
        return tuple(found)

    @property
    def _attending(self) -> tuple[str, ...]:
        return tuple(name for name in self.layers if not self._merges(name))

    def _merges(self, name: str) -> bool:
        return hasattr(self.module.get_submodule(name), "reduction")

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patch; its own size is that whose last stage is one window."""
        rows, cols = (int(side) for side in self.module.get_submodule("features.0.0").stride)
        height, width = self.module.get_submodule(self._attending[-1]).attn.window_size
        merged = 2 ** (len(self.layers) - len(self._attending))
        return Pixels((int(height) * rows * merged, int(width) * cols * merged), (rows, cols), True)

    @property
    def prefix(self) -> int:
        """None: patches alone."""
        return 0

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return by_token(embeddings, "BHWD")

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that the network does not take."""
        grids = [super().levels(height, width)[0]]
        for name in self.layers:
            grids.append(halved(grids[-1]) if self._merges(name) else grids[-1])
        return tuple(grids)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return the windows of a block, not shifted along an axis that one window covers, or a merging's squares."""
        below, name = levels[layer - 1], self.layers[layer - 1]
        if self._merges(name):
            return merged_squares(below)
        attention: Any = self.module.get_submodule(name).attn
        (height, width), (down, right) = attention.window_size, attention.shift_size
        shift = (0 if height >= below.rows else int(down), 0 if width >= below.cols else int(right))
        return shifted_windows(below, (int(height), int(width)), shift, padded_first=True)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        blocks: list[Any] = [self.module.get_submodule(name) for name in self._attending]
        return min(int(block.attn.num_heads) for block in blocks)

    @property
    def layout(self) -> Layout:
        """Maps of patches, channels last."""
        return "BHWD"

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's tokens."""
        return "mean"

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier; 0: there is none."""
        return outputs_of(self.module.head)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The transform that torchvision evaluates its own weights with, or what is kept as `pretrained_cfg`."""
        size = self.pixels.built_for or (224, 224)
        return {
            "architecture": "torchvision SwinTransformer",
            "input_size": (3, *size),
            "mean": IMAGENET[0],
            "std": IMAGENET[1],
            "interpolation": "bicubic",
            "crop_pct": size[0] / _RESIZED.get(size[0], size[0]),
            "crop_mode": "center",
            "num_classes": self.classes,
            **(getattr(self.module, "pretrained_cfg", None) or {}),
        }

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for a map of tokens as it leaves the last block."""
        module = self.module
        outputs: Tensor = module.head(module.flatten(module.avgpool(module.permute(module.norm(tokens)))))
        return outputs
