"""Random views of a photograph: crop, flip, colour. Every draw comes from the generator that is passed in."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from tests.builtin_model.training.recipe import Recipe

# Luma of RGB (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


def random_crop(image: Image.Image, side: int, recipe: Recipe, random: np.random.Generator) -> Image.Image:
    """Return a random part of `image`, enlarged or reduced to `side` x `side` pixels, mirrored half of the time.

    The part has a share of the area and an aspect ratio drawn from the recipe's ranges (the ratio evenly in its
    logarithm); it is cut down to the image where it would reach beyond.
    """
    share = random.uniform(*recipe.area)
    aspect = math.exp(random.uniform(math.log(recipe.aspect[0]), math.log(recipe.aspect[1])))
    area = share * image.width * image.height
    width, height = min(image.width, math.sqrt(area * aspect)), min(image.height, math.sqrt(area / aspect))
    left, top = random.uniform(0.0, image.width - width), random.uniform(0.0, image.height - height)
    box = (left, top, min(image.width, left + width), min(image.height, top + height))
    view = image.resize((side, side), Image.Resampling.BICUBIC, box=box)
    return view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else view


def jitter_colours(pixels: torch.Tensor, recipe: Recipe, random: np.random.Generator) -> torch.Tensor:
    """Return `pixels` (B, 3, H, W) in [0, 1] with brightness, contrast and saturation changed, image by image."""
    count = len(pixels)
    factors = random.uniform(1.0 - recipe.jitter, 1.0 + recipe.jitter, size=(3, count, 1, 1, 1))
    factors[2, random.random(count) < recipe.grey] = 0.0
    brightness, contrast, saturation = torch.from_numpy(factors.astype(np.float32))
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    bright = (pixels * brightness).clamp_(0.0, 1.0)
    level = (bright * luma).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)
    contrasted = torch.lerp(level.expand_as(bright), bright, contrast).clamp_(0.0, 1.0)
    grey = (contrasted * luma).sum(dim=1, keepdim=True)
    return torch.lerp(grey.expand_as(contrasted), contrasted, saturation).clamp_(0.0, 1.0)
