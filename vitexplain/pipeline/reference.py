"""Reference: a picture with whose embedding those of others are compared, for models that return no classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.errors import UsageError
from vitexplain.images import PictureInput, ViewKind, open_picture, prepare
from vitexplain.models import LoadedModel
from vitexplain.models.loaded import MODULE


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture's embedding (1, C), with the path and the SHA-256 that name it in records."""

    path: str | None
    sha256: str
    embedding: Tensor


def embed_reference(
    model: LoadedModel, image: PictureInput | Reference, view: ViewKind | None, max_pixels: int
) -> Reference:
    """Return the reference of a picture, seen as all pictures are; the model runs once.

    UsageError: the model has classes; InputError: the picture cannot be read.
    """
    if isinstance(image, Reference):
        return image
    if model.num_classes:
        if model.prompts is not None:
            raise UsageError("`prompts=` and `reference_image=` cannot be combined: give one of them")
        own = model.origin == MODULE
        without = "put torch.nn.Identity() in its classifier's place" if own else "leave it out with `num_classes=0`"
        raise UsageError(
            f"`reference_image=` is for models that return an embedding: '{model.name}' has a classifier; choose a "
            f"class with `target=`, or {without}"
        )
    picture = open_picture(image, max_pixels=max_pixels)
    pixels, _ = prepare(picture, model.preprocess, view)
    # A constant of the graph of gradients, also where the caller is in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        embedding = model.network(torch.from_numpy(pixels)[None].to(model.device, model.dtype)).float()
    return Reference(picture.path, picture.sha256, embedding)
