"""TokenNorms: the norms of the tokens that leave some blocks, kept while a network runs."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from vitexplain.capture.observed import observed
from vitexplain.networks import Layout, Network, by_token, dimensions


class TokenNorms(dict[int, Tensor]):
    """By layer, from 1, the norms (B, N) of the tokens at its output, float32; empty where they could not be seen.

    One number for each token is kept: watching one layer costs a run next to nothing.
    """

    def watch(self, network: Network, *layers: int) -> Network:
        """Return the network such that every run of it writes the norms of these layers here."""
        if not layers:
            return network
        keep = {layer: partial(self._keep, layer, layout=network.layout_at(layer)) for layer in layers}
        return observed(network, {network.blocks[layer - 1]: kept for layer, kept in keep.items()})

    def _keep(self, layer: int, output: Tensor, *, layout: Layout) -> Tensor:
        if isinstance(output, Tensor) and output.ndim == dimensions(layout):
            self[layer] = by_token(output.detach(), layout).float().norm(dim=-1)
        return output
