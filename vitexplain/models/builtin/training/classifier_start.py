"""A new classifier that is right from the first step: ridge regression on what the network already sees."""

from __future__ import annotations

import torch
from PIL import Image

from vitexplain.models.builtin.network import CLASSES
from vitexplain.models.builtin.photo_zip import Photo, PhotoZip, normalise, to_unit_pixels
from vitexplain.models.builtin.precision import computing_in

# The penalty as a share of the mean variance of the features.
_PENALTY = 0.1
# Regression on one-hot targets ends far from logits; the scale with the least cross entropy is taken.
_SCALES = tuple(2.0**power for power in range(8))


def start_classifier(
    network: torch.nn.Module, archive: PhotoZip, images: int, side: int, dtype: torch.dtype, batch: int = 64
) -> float:
    """Fit the classifier of `network` (a timm ViT) on `images` photographs of `archive`; return the cross entropy.

    The photographs are spread evenly over the archive and stretched to `side` x `side` pixels. The features are what
    the classifier reads: the normalised class token, or the pooled patches.
    """
    photos = archive.spread(images)
    was_training = network.training
    network.eval()
    features = torch.cat(
        [
            _features(network, archive, photos[first : first + batch], side, dtype)
            for first in range(0, len(photos), batch)
        ]
    )
    network.train(was_training)
    targets = torch.tensor([photo.target for photo in photos])
    weight, bias = ridge(features, targets, CLASSES)
    losses = [
        float(torch.nn.functional.cross_entropy(scale * (features @ weight.T + bias), targets)) for scale in _SCALES
    ]
    best = min(range(len(_SCALES)), key=losses.__getitem__)
    classifier = network.get_classifier()  # type: ignore[operator]
    with torch.no_grad():
        classifier.weight.copy_(_SCALES[best] * weight)
        classifier.bias.copy_(_SCALES[best] * bias)
    return losses[best]


def ridge(features: torch.Tensor, targets: torch.Tensor, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight (C, D) and bias (C,) of the ridge regression of one-hot `targets` (n,) on `features` (n, D)."""
    wanted = torch.nn.functional.one_hot(targets, classes).to(features.dtype)
    mean, prior = features.mean(dim=0), wanted.mean(dim=0)
    centred = features - mean
    covariance = centred.T @ centred / len(features)
    penalty = _PENALTY * covariance.diagonal().mean().clamp_min(1e-12)
    matrix = covariance + penalty * torch.eye(features.shape[1], dtype=features.dtype)
    weight = torch.linalg.solve(matrix, centred.T @ (wanted - prior) / len(features)).T
    return weight, prior - weight @ mean


def _features(
    network: torch.nn.Module, archive: PhotoZip, photos: list[Photo], side: int, dtype: torch.dtype
) -> torch.Tensor:
    """Return what the classifier reads for `photos`, float64 (n, D), on the CPU."""
    device = next(network.parameters()).device
    views = [archive.read(photo).resize((side, side), Image.Resampling.BICUBIC) for photo in photos]
    pixels = normalise(torch.stack([to_unit_pixels(view) for view in views]).to(device))
    with torch.inference_mode(), computing_in(dtype, device):
        tokens = network.forward_features(pixels)  # type: ignore[operator]
        features: torch.Tensor = network.forward_head(tokens, pre_logits=True)  # type: ignore[operator]
    return features.cpu().double()
