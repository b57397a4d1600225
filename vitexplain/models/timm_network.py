"""timm's networks by name: with memory for weights that are loaded next, or without memory to look at."""

from __future__ import annotations

from typing import Any

from vitexplain.models.registry import flexible_options
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import recognise


def create_network(name: str, options: dict[str, Any]) -> Any:
    """Return timm's network, for any image size where it can; refused if the graph does not describe it.

    Its parameters are not initialised: the caller makes sure that every one of them is loaded.
    """
    network = unchecked_network(name, options)
    recognise(network)
    return network


def unchecked_network(name: str, options: dict[str, Any]) -> Any:
    """Return timm's network as `create_network` does, whether the graph describes it or not."""
    from vitexplain.models.without_start import WithoutRandomStart

    timm, flexible = import_timm(), flexible_options(name)
    with WithoutRandomStart():
        try:
            return timm.create_model(name, **{**flexible, **options})
        except TypeError:  # a class without that option
            return timm.create_model(name, **options)


def blank_network(name: str, options: dict[str, Any]) -> Any:
    """Return the network without memory and numbers; with both where it computes some while it is built."""
    network = unchecked_blank_network(name, options)
    recognise(network)
    return network


def unchecked_blank_network(name: str, options: dict[str, Any]) -> Any:
    """Return the network as `blank_network` does, whether the graph describes it or not."""
    import torch

    try:
        with torch.device("meta"):
            return unchecked_network(name, options)
    except (NotImplementedError, RuntimeError):
        return unchecked_network(name, options)
