"""Modules that people build around a vision transformer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.models.small import tiny


class Wrapper(nn.Module):
    """Calls the network that it holds."""

    def __init__(self, model: nn.Module | None = None) -> None:
        super().__init__()
        self.model = tiny() if model is None else model

    def forward(self, x: Tensor) -> Any:
        """Return what the network returns."""
        return self.model(x)


class Headed(nn.Module):
    """A backbone, what is read of it, and a classifier of 3 classes."""

    def __init__(self, read: Callable[[Any, Tensor], Tensor], width: int = 64, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.backbone = tiny(**{"num_classes": 0, **options})
        self.fc = nn.Linear(width, 3)
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.fc(self.read(self.backbone, x))
        return logits


class Normalised(nn.Module):
    """Normalises pixels from 0 to `largest` by ImageNet's mean and std."""

    def __init__(self, largest: float = 1.0) -> None:
        super().__init__()
        self.largest = largest

    def forward(self, x: Tensor) -> Tensor:
        """Return the pixels as the network takes them."""
        mean, std = x.new_tensor([0.485, 0.456, 0.406]), x.new_tensor([0.229, 0.224, 0.225])
        return (x / self.largest - mean[:, None, None]) / std[:, None, None]


class LowRank(nn.Module):
    """A linear layer with a change of low rank beside it, as LoRA puts it in the layer's place."""

    def __init__(self, base_layer: nn.Linear) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.down = nn.Linear(base_layer.in_features, 2, bias=False)
        self.up = nn.Linear(2, base_layer.out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output and the change."""
        changed: Tensor = self.base_layer(x) + self.up(self.down(x))
        return changed


def with_low_rank() -> nn.Module:
    """Return a network whose attention has low-rank changes, in the wrapper of the library that makes them."""
    network = tiny()
    for block in network.blocks:
        block.attn.qkv = LowRank(block.attn.qkv)
    return Wrapper(Wrapper(network))


def frozen(backbone: Any, x: Tensor) -> Tensor:
    """Return the features, computed without gradients, as under a linear probe."""
    with torch.no_grad():
        features: Tensor = backbone(x)
    return features


def first_token(backbone: Any, x: Tensor) -> Tensor:
    """Return the class token."""
    token: Tensor = backbone.forward_features(x)[:, 0]
    return token


def mean_of_patches(backbone: Any, x: Tensor) -> Tensor:
    """Return the mean of the patches, whatever the backbone itself would read."""
    mean: Tensor = backbone.forward_features(x)[:, 1:].mean(1)
    return mean


def mean_of_all(backbone: Any, x: Tensor) -> Tensor:
    """Return the mean of all tokens."""
    mean: Tensor = backbone.forward_features(x).mean(1)
    return mean


def mean_beside_a_pool(backbone: Any, x: Tensor) -> Tensor:
    """Return the mean of the tokens; the backbone's attention pool is computed and not read."""
    tokens = backbone.forward_features(x)
    backbone.forward_head(tokens)
    mean: Tensor = tokens.mean(1)
    return mean


def token_plus_mean(backbone: Any, x: Tensor) -> Tensor:
    """Return the class token with the mean of the patches added, as DINOv2's linear evaluation reads both."""
    tokens = backbone.forward_features(x)
    both: Tensor = tokens[:, 0] + 0.5 * tokens[:, backbone.num_prefix_tokens :].mean(1)
    return both


def disguised(network: nn.Module) -> nn.Module:
    """Return a module of a class of its own that holds the network's parts by their names."""

    class Other(nn.Module):
        def forward(self, x: Tensor) -> Any:
            """Run nothing: a stand-in for another project's code."""
            return x

    other = Other()
    for name, part in network.named_children():
        other.add_module(name, part)
    for name, parameter in network.named_parameters(recurse=False):
        other.register_parameter(name, parameter)
    return other


class Moved(Wrapper):
    """Mirrors the pixels before the network sees them."""

    def forward(self, x: Tensor) -> Any:
        """Return what the network says of the mirrored picture."""
        return self.model(x.flip(-1))


class Resized(Wrapper):
    """Halves the pixels and enlarges them again to twice the size."""

    def forward(self, x: Tensor) -> Any:
        """Return what the network says of the enlarged picture."""
        return self.model(nn.functional.interpolate(x, scale_factor=2.0))


class Keeping(Wrapper):
    """Keeps what it computed, and an object of another kind that cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[dict[str, Tensor]] = []
        self.last: Tensor | None = None
        self.lock = threading.Lock()
        self.run = _Run()

    def forward(self, x: Tensor) -> Any:
        """Return what the network returns."""
        with self.lock:
            self.last = self.model(x)
        self.kept.append({"output": self.last})
        return self.last


class _Run:
    """What a training leaves on a module."""

    def __deepcopy__(self, memo: Any) -> Any:
        """Fail, as objects with threads or files do."""
        raise RuntimeError("no copies")


class Twice(Wrapper):
    """Means the outputs for the picture and its mirror image."""

    def forward(self, x: Tensor) -> Any:
        """Return the mean of both."""
        return (self.model(x) + self.model(x.flip(-1))) / 2


class Pair(nn.Module):
    """Two networks, of which forward runs one or both."""

    def __init__(self, both: bool) -> None:
        super().__init__()
        self.student, self.teacher, self.both = tiny(), tiny(seed=1), both

    def forward(self, x: Tensor) -> Any:
        """Return the student's output, or the sum of both."""
        return self.student(x) + self.teacher(x) if self.both else self.student(x)


class Steps(nn.Module):
    """Has a training step only, and no forward."""

    def __init__(self, net: nn.Module | None = None) -> None:
        super().__init__()
        self.net = tiny() if net is None else net

    def training_step(self, batch: Any) -> Any:
        """Return the loss."""
        return self.net(batch[0])


class TwoInputs(Wrapper):
    """Takes a text beside the picture."""

    def forward(self, x: Tensor, text: Tensor) -> Any:  # type: ignore[override]
        """Return what neither alone could tell."""
        return self.model(x) + text


class LastLayers(Headed):
    """Reads the class tokens of the last two layers."""

    def __init__(self) -> None:
        super().__init__(self._tokens, 128)

    @staticmethod
    def _tokens(backbone: Any, x: Tensor) -> Tensor:
        found = backbone.get_intermediate_layers(x, n=2, return_prefix_tokens=True)
        return torch.cat([prefix[:, 0] for _, prefix in found], -1)
