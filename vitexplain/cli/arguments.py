"""From the options of the command line to what the library takes; shared by the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.images import ViewKind
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request
    from vitexplain.render import Drawing

BUILTIN_NOTICE = "built-in model: 200 ImageNet classes; for all 1,000 use --model vit_base_patch16_224"


def method_defaults(**given: str | None) -> dict[str, str]:
    """Return the options that were given on the command line, as text, for every chosen method that has them."""
    return {name: text for name, text in given.items() if text is not None}


def picture_limit(max_pixels: int | None) -> int:
    """Return the largest picture that is read, in pixels."""
    from vitexplain.images import DEFAULT_MAX_PIXELS

    return DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels


def view_of(view: str | None) -> ViewKind | None:
    """Return the kind of view; UsageError for another word."""
    from vitexplain.images import ViewKind

    kinds: tuple[ViewKind, ...] = get_args(ViewKind)
    for kind in kinds:
        if view == kind:
            return kind
    if view is None:
        return None
    raise UsageError(f"view '{view}' is not valid: expected {', '.join(kinds[:-1])} or {kinds[-1]}")


def drawing_of(*, alpha: float, colormap: str, colorbar: bool, scale: str | None, full_size: bool) -> Drawing:
    """Return how pictures are drawn; UsageError for a scale that is not LOW:HIGH."""
    from vitexplain.render import Drawing

    limits = None
    if scale is not None:
        low, _, high = scale.partition(":")
        try:
            limits = float(low), float(high)
        except ValueError:
            raise UsageError(f"scale '{scale}' is not valid: expected LOW:HIGH, two numbers") from None
    return Drawing(alpha=alpha, colormap=colormap, scale=limits, colorbar=colorbar, full_size=full_size)


def load_chosen_model(
    model: str | None,
    weights: Path | None,
    labels: Path | None,
    num_classes: int | None,
    device: str,
    dtype: str,
    *,
    threads: int | None,
    quiet: bool,
) -> LoadedModel:
    """Return the model of the command line, and say in one line what the built-in one knows where it was not named.

    The process is set up for it, too: its threads, and what becomes of memory that is freed.
    """
    import torch

    from vitexplain.cli.allocation import keep_freed_memory
    from vitexplain.cli.console import say
    from vitexplain.models import load_model

    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_model(
        model or "builtin", weights=weights, labels=labels, num_classes=num_classes, device=device, dtype=dtype
    )
    if model is None and weights is None and num_classes is None and not quiet:
        say(BUILTIN_NOTICE)
    return loaded


def for_model(request: Request, model: LoadedModel, *, quiet: bool) -> Request:
    """Return the request as the model serves it, and say in one line where the default gave way."""
    from vitexplain.cli.console import say

    request = request.for_model(model)
    for notice in request.notices if not quiet else ():
        say(notice)
    return request
