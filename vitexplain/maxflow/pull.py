"""One layer of the sweep: given what is asked of the tokens below, decide what to ask of the tokens above.

Whatever is decided respects every edge's capacity and serves the demand exactly; what is sought is balance, that no
token above is asked for more than its share of the rollout mass. Three means:

- the few *hot* tokens of each sink (those that need many times their own rollout mass, such as the sink's own residual
  chain) are served first, one after the other, hottest first, by exact water-filling from what is left of the mass;
- the *head*, one token above that holds a large part of all mass (near the source, the source's own residual chain),
  then gives all that its edges and its mass allow: what it does not give, the many others would have to;
- all other tokens, of all sinks together, are served by matrix products from *patterns* that do not depend on the
  sink: the layer water-filled so as to serve four times the rollout mass, and to a higher level. Weights per sink and
  supplier, lowered turn by turn where a supplier is asked for too much, bend the patterns to what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, TINY, Descent
from vitexplain.maxflow.water import share_out, water_level

_HOT, _RANKS = 8.0, 4
"""A token is hot if it needs more than this many times its rollout mass; so many of a sink are served one by one."""
_HEAD = 0.1
"""A token above is the head if it holds more than this share of all mass."""
_PATTERNS = (4.0, 64.0)
"""The first pattern serves so many times the rollout mass, the second is filled higher in proportion."""
_CLOSE, _TURNS, _PROGRESS = 2.0, 10, 0.5
"""Turns are spent on sinks whose worst supplier is off balance by less than the first of these; at most so many, and
only while each brings a sink to less than so large a part of how far from balance it was."""
_SPENT = 1e-13
"""So large a share of a bound is left alone: rounding may have left it where there is nothing."""
_BEYOND = 1e-9
"""How much less a supplier is liked for what lies between its rollout mass and its bound."""


@dataclass(frozen=True)
class Started:
    """What hot tokens took and the head gave: `asked` (S, N above); `rest` (S, N below) still to be served; from whom.

    `supply` (S, N above): mass that is left (and a trace of what lies beyond it); `usable` (S, N above): 1.0 where the
    bound leaves anything at all, else 0.0; `served` (S,) says where hot tokens got all that they need.
    """

    asked: Tensor
    rest: Tensor
    supply: Tensor
    usable: Tensor
    served: Tensor


class LayerPull:
    """Layer `level` (>= 2) of a descent, ready to be pulled through from level - 1 to level."""

    def __init__(self, descent: Descent, level: int) -> None:
        """Prepare the patterns of the layer."""
        self.mass, self.bound = descent.mass[level - 1], descent.bounds[level - 1]
        self.lossless = descent.lossless[level - 1]
        self._mass_below = descent.mass[level - 2]
        self._layer = descent.capped(level).T.contiguous()
        filled = water_level(self._layer, self.mass, _PATTERNS[0] * self._mass_below)[:, None] * self.mass
        self._patterns = [torch.minimum(self._layer, times / _PATTERNS[0] * filled) for times in _PATTERNS]

    def __call__(self, demand: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to ask (S, N above) of the tokens above for `demand` (S, N below), where (S,) it is served."""
        begun = self._serve_from_head(self._serve_hot(demand))
        weight = begun.usable * begun.supply / self.mass.clamp(min=TINY)
        weight = weight / weight.amax(1, keepdim=True).clamp(min=1)
        asked, served = self._spread(begun.rest, weight, begun.usable)
        served &= begun.served
        requests = begun.asked + asked
        off = off_balance(requests, self.mass, self.lossless)
        active = ((off > EPS) & (off < _CLOSE) & served).nonzero()[:, 0]
        weight, asked = weight[active], asked[active]
        for _ in range(_TURNS):
            if not len(active):
                break
            weight = weight * (begun.supply[active] / asked.clamp(min=TINY)).clamp(1e-6, 1e6)
            weight = weight / weight.amax(1, keepdim=True).clamp(min=TINY)
            asked, fits = self._spread(begun.rest[active], weight, begun.usable[active])
            now = begun.asked[active] + asked
            now_off, before = off_balance(now, self.mass, self.lossless), off[active]
            better = fits & (now_off < before)
            going = fits & (now_off < _PROGRESS * before) & (now_off > EPS)
            requests[active[better]], off[active[better]] = now[better], now_off[better]
            active, weight, asked = active[going], weight[going], asked[going]
        return requests, served

    def _serve_hot(self, demand: Tensor) -> Started:
        """Serve the hottest tokens of each sink one by one; sinks with many come first, so that ranks are prefixes."""
        heat = demand / self._mass_below.clamp(min=TINY)
        heats, tokens = heat.topk(min(_RANKS, heat.shape[1]), dim=1)
        counts, order = (heats > _HOT).sum(1).sort(descending=True)
        tokens, rest = tokens[order], demand[order]
        asked = torch.zeros(len(demand), len(self.mass)).to(demand)
        served = torch.ones_like(counts, dtype=torch.bool)
        room, supply = self.bound.repeat(len(demand), 1), self.mass.repeat(len(demand), 1)
        for rank in range(tokens.shape[1]):
            rows = int((counts > rank).sum())
            if not rows:
                break
            token = tokens[:rows, rank]
            need = rest[:rows].gather(1, token[:, None])[:, 0]
            given = share_out(torch.minimum(self._layer[token], room[:rows]), supply[:rows], need)
            asked[:rows] += given
            served[:rows] &= given.sum(1) >= need * (1 - EPS)
            rest[:rows].scatter_(1, token[:, None], 0.0)
            room[:rows] = ((1 - _SPENT) * self.bound - asked[:rows]).clamp_(min=0)
            supply[:rows] = (self.mass - asked[:rows]).clamp(min=0).add(room[:rows], alpha=_BEYOND)
        back = order.argsort()
        return Started(asked[back], rest[back], supply[back], (room[back] > 0).to(demand), served[back])

    def _serve_from_head(self, hot: Started) -> Started:
        """Let the head, if there is one, give what its edges and what is left of its mass allow; in place."""
        mass, head = self.mass.max(0)
        if bool(mass > _HEAD * self.mass.sum()):
            given = torch.minimum(hot.rest, self._layer[:, head])
            left = (mass - hot.asked[:, head]).clamp(min=0)
            given *= (left / given.sum(1).clamp(min=TINY)).clamp(max=1)[:, None]
            hot.asked[:, head] += given.sum(1)
            hot.rest.sub_(given)
            hot.supply[:, head] = 0.0
            hot.usable[:, head] = 0.0
        return hot

    def _spread(self, demand: Tensor, weight: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
        """Serve `demand` from the weighted patterns, and from whole edges where these do not suffice.

        Between two patterns the edges are interpolated so that each token gets exactly its demand.
        """
        below, asked = torch.zeros_like(demand), torch.zeros_like(weight)
        stages: list[tuple[Tensor, Tensor, Tensor]] = []
        for pattern in [*self._patterns, self._layer]:
            use = usable if pattern is self._layer else weight
            gives = use @ pattern.T
            part = (demand - below).div_((gives - below).clamp_(min=TINY))
            enough = float(part.amax()) <= 1
            stages.append((use, pattern, part.clamp_(0, 1)))
            below = torch.maximum(gives, below)
            if enough:
                break
        following = torch.zeros_like(demand)
        for use, pattern, part in reversed(stages):
            asked.addcmul_(use, (part - following) @ pattern)
            following = part
        return asked, (demand - (1 + EPS) * below).amax(1) <= 0


def off_balance(requests: Tensor, mass: Tensor, lossless: bool) -> Tensor:
    """Return how far (S,) requests (S, N) are from what rollout's mass (N,) proves feasible; at most EPS is a proof.

    Either no token is asked for more than its mass; or, where rollout brought all that the source has down to this
    level, no token is asked for less.
    """
    above = (requests / mass.clamp(min=TINY)).amax(1) - 1
    if not lossless:
        return above
    below = (mass / requests.clamp(min=TINY)).amax(1) - 1
    return torch.minimum(above, below)
