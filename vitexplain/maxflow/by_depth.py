"""One graph cut off at every depth: what was proven for a shallower graph is used for the deeper ones.

A sweep proves a flow from the sink up to some level, and that rollout's mass there supplies it. It does not matter to
the proof how the mass came there. So if a deeper graph can bring exactly the same mass to that level, all that was
proven from there down holds in it too, for all sinks at once. Whether it can is one small problem: proportions are
fitted (Sinkhorn and Knopp's iteration) until nearly all that leaves the source arrives as that mass, and the rest is
put right by hand. The masses are alike, because attention mixes, so a few products of a vector with each layer do.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vitexplain.maxflow.cut import Cuts, none_of
from vitexplain.maxflow.descent import EPS, TINY, Descent, descend
from vitexplain.maxflow.known_pushes import KnownPushes
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.settle import Settled, settle_descent
from vitexplain.maxflow.sweep import ROOM_TO_MIX, KnownPulls

_ENOUGH = 0.001
"""A graph serves the deeper ones if so large a part of all sinks was first proven there, from that level down."""
_FITTED, _TURNS = 3, 10
"""Through so many layers above that level proportions are fitted, in at most so many turns."""
_FURTHER = 1.15
"""Every turn goes a bit further than proportions say, which takes fewer turns."""
_PART = 1e-3
"""Cuts of a deeper graph are of use if at least so large a part of their capacity lies in the shallower one."""
_SHALLOW = 5
"""In graphs of up to so many layers most cuts are found along chains."""


class _Serving:
    """Sinks `proven` (N_0,) bool from some level of one graph down, and which deeper graphs this holds for.

    What is proven is that all of the mass at that level passes on, or a part of it.
    """

    def __init__(self, served: Descent, level: int, proven: Tensor, deeper: Sequence[Descent]) -> None:
        self.proven = proven
        self._mass, self._level = served.mass[level - 1], level
        self._groups: dict[int, list[Descent]] = {}
        self._holds: dict[int, bool] = {}
        for descent in deeper:
            if abs(descent.total - served.total) <= EPS * served.total:
                self._groups.setdefault(self._top(descent), []).append(descent)

    def holds(self, descent: Descent) -> bool:
        """Return whether the graph of `descent` can bring all its source has to where it is in the served one.

        Down to a few levels above, rollout may do as it does; all edges out of a single source are full in any case.
        Graphs that differ only above are looked at together.
        """
        top = self._top(descent)
        group = [other for other in self._groups.pop(top, []) if other.lossless[top - 1]]
        if group:
            starts = torch.stack([other.mass[top - 1] for other in group])
            fits = arrives_as(starts, descent.network.layers[self._level : top], self._mass)
            self._holds.update(zip((other.network.depth for other in group), fits, strict=True))
        return self._holds.get(descent.network.depth, False)

    def _top(self, descent: Descent) -> int:
        return min(self._level + _FITTED, descent.network.depth - descent.network.source_is_token)


def settle_by_depth(networks: Sequence[Network]) -> list[Settled]:
    """Return the maximum flows of `networks`: one graph, cut off after layers 1, 2, .. in this order.

    The shallow ones come first, from deep to shallow, as cuts and pushes along chains hold for shallower graphs, too;
    then the others from shallow to deep, as what is proven from some level down holds for deeper ones.
    """
    descents = [descend(network) for network in networks]
    shallow = min(_SHALLOW, len(networks))
    settled: dict[int, Settled] = {}
    serving: list[_Serving] = []
    pushes, pulls = KnownPushes(), KnownPulls(networks[0])
    for depth in (*range(shallow, 0, -1), *range(shallow + 1, len(networks) + 1)):
        descent = descents[depth - 1]
        outer = torch.zeros(descent.network.sinks, dtype=torch.bool, device=descent.network.start.device)
        for server in reversed(serving if depth > shallow else []):
            if bool((server.proven & ~outer).any()) and server.holds(descent):
                outer |= server.proven
        known = none_of(descent.network)
        if depth < shallow:
            known = cuts_below(networks[depth], settled[depth + 1], descent.network)
        settled[depth] = settle_descent(descent, outer, known, pushes, pulls if depth >= shallow else None)
        level = depth - ROOM_TO_MIX
        if depth >= shallow and level > 0 and descent.lossless[level - 1]:
            proven = (settled[depth].from_level > 0) & (settled[depth].from_level <= level)
            if float(proven.double().mean()) >= _ENOUGH:
                serving.append(_Serving(descent, level, proven, descents[depth:]))
    return [settled[depth] for depth in sorted(settled)]


def cuts_below(deeper: Network, settled: Settled, network: Network) -> Cuts:
    """Return which of the inner cuts `settled` for the graph `deeper` by one layer are minimal in `network`, too.

    If the only token at the top of `network` on the source's side is its source, then all that crosses the cut below
    came through that token. So a flow of the deeper graph without what leaves it in the first layer is one of `network`
    and as large as the cut.
    """
    cuts, report = settled.cuts, settled.report
    if not (deeper.source_is_token and network.source_is_token):
        return none_of(network)
    top = cuts.near[network.depth - 1]
    rows = deeper.layers[network.depth - 1][top.to(torch.uint8).argmax(1)]
    chosen = (top.sum(1) == 1) & (rows == network.layers[-1]).all(1)
    chosen &= ~(report.source_limited | report.sink_limited)[cuts.sinks]
    below = report.shares[cuts.sinks, : network.depth].sum(1)
    chosen &= below >= _PART * report.value[cuts.sinks]  # less would be known with fewer digits
    near = [side[chosen] for side in cuts.near[: network.depth - 1]]
    return Cuts(cuts.sinks[chosen], (*near, torch.ones_like(top[chosen, :1])))


def arrives_as(starts: Tensor, layers: Sequence[Tensor], mass: Tensor) -> list[bool]:
    """Return for which rows of `starts` (D, N_top) a flow down the `layers` was found that arrives as `mass` (N,).

    What still arrives wrongly after a few turns is put right by one token of the last layer, the fullest: if its edges
    can carry so much more or less, the flow is exact.
    """
    fits = torch.zeros(len(starts), dtype=torch.bool, device=mass.device)
    appeal = torch.ones(len(starts), len(mass)).to(mass)
    left = torch.arange(len(starts), device=mass.device)
    for _ in range(_TURNS):
        appeals, gives = [appeal], []
        for layer in layers:
            gives.append(appeals[-1] @ layer.T)
            appeals.append(gives[-1] / gives[-1].amax(1, keepdim=True).clamp(min=TINY))
        arriving, legal = starts[left], torch.ones_like(left, dtype=torch.bool)
        for layer, liked, given in zip(reversed(layers), reversed(appeals[:-1]), reversed(gives), strict=True):
            held, share = arriving, arriving / given.clamp(min=TINY)
            legal &= share.amax(1) * liked.amax(1) <= 1 + EPS
            arriving = liked * (share @ layer)
        missing, fullest = mass - arriving, held.argmax(1, keepdim=True)
        edges = layers[0][fullest[:, 0]]
        mended = share.gather(1, fullest) * appeal * edges + missing
        legal &= ((mended >= 0) & (mended <= edges)).all(1)
        legal &= missing.sum(1).abs() <= EPS * held.amax(1)
        fits[left[legal]] = True
        left, arriving, appeal = left[~legal], arriving[~legal], appeal[~legal]
        if not len(left):
            break
        appeal = appeal * (mass / arriving.clamp(min=TINY)) ** _FURTHER
        appeal = appeal / appeal.amax(1, keepdim=True).clamp(min=TINY)
    return fits.tolist()
