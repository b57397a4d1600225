"""One layer of the backward sweep: given what is asked of the tokens below, decide what to ask of the tokens above.

Whatever is decided respects every edge's capacity and serves the demand exactly; what is sought is balance, that no
token above is asked for more than its share of the rollout mass. Three means:

- the few *bottlenecks* of each sink (tokens that must pass on many times their own rollout mass, such as the sink's own
  token, which its skip connections lead to) are served first, one after the other, by exact waterfilling;
- the *main supplier*, one token above that holds a large part of all mass (near the source, the source's own token),
  then gives all that its edges and its mass allow: what it does not give, the many others would have to;
- all other tokens, of all sinks together, are served by matrix products from *patterns* that do not depend on the
  sink: the layer waterfilled so as to serve four times the rollout mass, and to a higher level. Weights per sink and
  supplier, lowered turn by turn where a supplier is asked for too much, bend the patterns to the rest.

Waterfilling shares a need out among suppliers in proportion to weights, up to each one's capacity: like water that
rises to the same level in all of them until some are full (saturated).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.forward import EPS, TINY, Forward

_STEPS = 3
"""Steps of Newton's method for a level: more are exact where few suffice, fewer leave more to the capacity left."""
_BOTTLENECK = 8.0
"""A token that must pass on more than this many times its mass is a bottleneck: lower serves more tokens one by one."""
_RANKS = 4
"""This many bottlenecks of a sink are served one by one: each costs a waterfilling, the others are off balance."""
_MAIN = 0.1
"""A token with more than this share of all mass is the main supplier: lower burdens one of many alike."""
_PATTERNS = (4.0, 64.0)
"""The first pattern serves this many times the mass, the second is filled higher in proportion: more patterns cost two
matrix products each, fewer are saturated sooner."""
_CLOSE = 2.0
"""Turns are spent on sinks whose worst supplier is off balance by less than this: others would hardly get there."""
_TURNS = 10
"""The most turns: each costs two matrix products for the sinks that take part, and proves a few more."""
_PROGRESS = 0.5
"""A sink takes another turn only if the last one brought its imbalance below this part of what it was: patience."""
_BEND = 1e-6
"""In one turn a weight changes by at most this factor or its inverse: free to move, but never to 0 for good."""
_SPENT = 1e-13
"""This share of a bound is left alone: rounding may have left it where there is nothing."""
_BEYOND = 1e-9
"""How much less a supplier is liked for what lies between its mass and its bound: a last resort, but not nothing."""


def water_level(capacity: Tensor, weight: Tensor, need: Tensor) -> Tensor:
    """Return the level (R,) at which suppliers that give min(capacity, level * weight) give about the need in sum.

    `capacity` (R, n), `weight` (R, n) or (n,), `need` (R,), all at least 0. A few steps of Newton's method on a
    concave, piecewise linear function, from below, so that the level never overshoots.
    """
    level = need / weight.sum(-1).clamp(min=TINY)
    for _ in range(_STEPS):
        offered = level[:, None] * weight
        missing = need - torch.minimum(capacity, offered).sum(1)
        rising = (capacity - offered).sign_().clamp_(min=0).mul_(weight).sum(1)
        step = torch.where(rising > 0, missing / rising.clamp(min=TINY), 0.0).clamp(min=0)
        level = level + step
        if not bool((step > EPS * level).any()):
            break
    return level


def fill(capacity: Tensor, weight: Tensor, need: Tensor) -> Tensor:
    """Return what each of n suppliers gives (R, n) so that the sum is the need: up to the water level, or a bit more.

    What is still missing at the level found is taken in proportion to the residual capacities, so that the need is met
    exactly. Suppliers of weight 0 give nothing; where the others cannot give the need, they give all.
    """
    usable = capacity * weight.sign()
    given = torch.minimum(usable, water_level(usable, weight, need)[:, None] * weight)
    missing, left = need - given.sum(1), usable - given
    part = (missing / left.sum(1).clamp(min=TINY)).clamp(0, 1)
    return torch.addcmul(given, part[:, None], left)


@dataclass(frozen=True)
class Begun:
    """What bottlenecks took and the main supplier gave: `asked` (S, N above); `rest` (S, N below) still to be served.

    `supply` (S, N above): mass that is left (and a trace of what lies beyond it); `usable` (S, N above): 1.0 where the
    bound leaves anything at all, else 0.0; `served` (S,) says where bottlenecks got all that they need.
    """

    asked: Tensor
    rest: Tensor
    supply: Tensor
    usable: Tensor
    served: Tensor


class LayerPull:
    """Layer `level` (>= 2) of a problem, ready to be pulled through from level - 1 to level."""

    def __init__(self, forward: Forward, level: int) -> None:
        """Prepare the patterns of the layer."""
        self.mass, self.bound = forward.mass[level - 1], forward.bounds[level - 1]
        self.lossless = forward.lossless[level - 1]
        self._mass_below = forward.mass[level - 2]
        self._layer = forward.capped(level).T.contiguous()
        filled = water_level(self._layer, self.mass, _PATTERNS[0] * self._mass_below)[:, None] * self.mass
        self._patterns = [torch.minimum(self._layer, times / _PATTERNS[0] * filled) for times in _PATTERNS]

    def __call__(self, demand: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to ask (S, N above) of the tokens above for `demand` (S, N below), where (S,) it is served."""
        begun = self._serve_from_main(self._serve_bottlenecks(demand))
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
            weight = weight * (begun.supply[active] / asked.clamp(min=TINY)).clamp(_BEND, 1 / _BEND)
            weight = weight / weight.amax(1, keepdim=True).clamp(min=TINY)
            asked, fits = self._spread(begun.rest[active], weight, begun.usable[active])
            now = begun.asked[active] + asked
            now_off, before = off_balance(now, self.mass, self.lossless), off[active]
            better = fits & (now_off < before)
            going = fits & (now_off < _PROGRESS * before) & (now_off > EPS)
            requests[active[better]], off[active[better]] = now[better], now_off[better]
            active, weight, asked = active[going], weight[going], asked[going]
        return requests, served

    def _serve_bottlenecks(self, demand: Tensor) -> Begun:
        """Serve the bottlenecks of each sink, the tightest first; sinks with many come first: ranks are prefixes."""
        load = demand / self._mass_below.clamp(min=TINY)
        loads, tokens = load.topk(min(_RANKS, load.shape[1]), dim=1)
        counts, order = (loads > _BOTTLENECK).sum(1).sort(descending=True)
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
            given = fill(torch.minimum(self._layer[token], room[:rows]), supply[:rows], need)
            asked[:rows] += given
            served[:rows] &= given.sum(1) >= need * (1 - EPS)
            rest[:rows].scatter_(1, token[:, None], 0.0)
            room[:rows] = ((1 - _SPENT) * self.bound - asked[:rows]).clamp_(min=0)
            supply[:rows] = (self.mass - asked[:rows]).clamp(min=0).add(room[:rows], alpha=_BEYOND)
        back = order.argsort()
        return Begun(asked[back], rest[back], supply[back], (room[back] > 0).to(demand), served[back])

    def _serve_from_main(self, begun: Begun) -> Begun:
        """Let the main supplier, if there is one, give what its edges and its remaining mass allow; in place."""
        mass, main = self.mass.max(0)
        if bool(mass > _MAIN * self.mass.sum()):
            given = torch.minimum(begun.rest, self._layer[:, main])
            left = (mass - begun.asked[:, main]).clamp(min=0)
            given *= (left / given.sum(1).clamp(min=TINY)).clamp(max=1)[:, None]
            begun.asked[:, main] += given.sum(1)
            begun.rest.sub_(given)
            begun.supply[:, main] = 0.0
            begun.usable[:, main] = 0.0
        return begun

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
