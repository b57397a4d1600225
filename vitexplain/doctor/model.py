"""A loaded model in words and numbers: what it was recognised as, its sizes, pixels, outputs, labels, levels."""

from __future__ import annotations

from typing import Any

from vitexplain.models import LoadedModel
from vitexplain.networks.inside import Inside
from vitexplain.networks.prompted import Prompted


def model_report(model: LoadedModel) -> dict[str, Any]:
    """Return what is known of the model before it is run, as JSON values."""
    network, preprocess = model.network, model.preprocess
    inner = network.inner if isinstance(network, Inside | Prompted) else network
    levels = network.levels(*preprocess.size)
    grid = levels[0]
    labels = model.labels
    names = [labels.name(index) for index in range(min(3, model.num_classes))] if labels else []
    return {
        "name": model.name,
        "source": model.origin,
        "weights": None if model.weights_file is None else str(model.weights_file),
        "recognised_as": {
            "class": f"{type(inner.module).__module__}.{type(inner.module).__qualname__}",
            "adapter": type(inner).__name__,
            "inside": network.path if isinstance(network, Inside | Prompted) else None,
        },
        "parameters": sum(each.numel() for each in network.module.parameters()),
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "layers": model.depth,
        "heads": network.heads,
        "levels": {
            "count": len(levels),
            "tokens": grid.tokens,
            "prefix": grid.prefix,
            "grid": [grid.rows, grid.cols],
            "last_grid": [levels[-1].rows, levels[-1].cols],
        },
        "readout": network.readout,
        "pixels": {
            "size": list(preprocess.size),
            "patch": list(preprocess.patch),
            "other_sizes": preprocess.flexible,
            "view": preprocess.view,
            "crop_pct": preprocess.crop_pct,
            "interpolation": preprocess.interpolation,
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
        },
        "outputs": {
            "classes": model.num_classes,
            "activation": model.activation,
            "labels": len(labels) if labels else 0,
            "first": names,
            "no_predictions": model.no_predictions or None,
        },
        "gradients": model.without_gradients is None,
        "notices": list(model.notices),
    }
