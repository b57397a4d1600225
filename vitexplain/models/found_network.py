"""The vision transformer in a checkpoint: found by its patch projection, under any prefix and in any nesting.

Averaged weights (EMA) come before a teacher's, these before the raw ones, a student's last. What training programs
keep beside it is left aside and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitexplain.models.looks import PATCHES, is_network
from vitexplain.models.plain_tensors import check_plain

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

_MOST_TABLES = 1_000
_DEEPEST = 6
# Wrappers that put a name into the middle of other names.
_WRAPPED = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# The counter of torch's AveragedModel stands beside the weights that it averaged.
_COUNTER = "n_averaged"
_OF_TRAINING = re.compile(r"optim|sched|scaler|rng|callback|loops|hparams|hyper_param", re.IGNORECASE)
_CHUNKED = re.compile(r"blocks\.\d+\.(\d+)\.(.+)")
_AVERAGED = frozenset({"ema", "averaged", "average", "swa", "polyak", "averager"})
_TEACHER = frozenset({"teacher"})
_BEST = frozenset({"best"})
_LAST = frozenset({"student", "momentum", "k", "target", "key", "old", "init", "initial", "start", "previous"})
# Where training programs put the weights, in the order in which they are taken where several hold a network.
_USUAL = ("state_dict", "model_state_dict", "model", "model_state", "module", "net", "network", "weights")


@dataclass(frozen=True)
class FoundNetwork:
    """The network's tensors by the names of its library, without prefix; `beside`: others of its table.

    `where` is the path to it in words ("teacher.backbone"), "" for a bare state. `others`: the networks not taken.
    `outside`: names of tables without network that hold tensors, too.
    """

    library: str
    state: State
    beside: State
    prefix: str
    where: str
    others: tuple[str, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    path: tuple[str, ...]
    prefix: str
    library: str
    table: State

    @property
    def where(self) -> str:
        return ".".join((*self.path, self.prefix)).strip(".")

    @property
    def rank(self) -> tuple[int, int]:
        words = set(re.split(r"[._\d]+", self.where.lower()))
        kind = 3
        for place, names in enumerate((_AVERAGED, _TEACHER, _BEST)):
            if words & names:
                kind = place
                break
        if kind == 3 and words & _LAST:
            kind = 4
        first = self.path[0] if self.path else ""
        return kind, _USUAL.index(first) if first in _USUAL else len(_USUAL)


def find_network(content: Mapping[Any, Any]) -> FoundNetwork | None:
    """Return the vision transformer in what a file holds; None: there is none.

    ValueError: two of the same rank, so that nobody knows which one is meant, or tensors that are no plain numbers.
    """
    tables = list(_tables(content, (), set()))
    places = [place for path, table in tables for place in _places(path, table)]
    if not places:
        return None
    places.sort(key=lambda place: place.rank)
    best = places[0]
    rivals = [place for place in places[1:] if place.rank == best.rank and not _same(place, best)]
    if rivals:
        names = " and ".join(repr(place.where) for place in (best, *rivals[:2]))
        raise ValueError(f"it holds {len(rivals) + 1} vision transformers, {names}: save the state_dict of one of them")
    mine = f"{best.prefix}." if best.prefix else ""
    within = [f"{place.prefix}." for place in places[1:] if place.table is best.table and place.prefix]
    theirs = tuple(prefix for prefix in within if prefix.startswith(mine) and prefix != mine)
    state = {
        key[len(mine) :]: value
        for key, value in best.table.items()
        if key.startswith(mine) and not (theirs and key.startswith(theirs))
    }
    # What belongs to a network that was not taken is not beside this one.
    bare = any(place.table is best.table and not place.prefix for place in places[1:])
    beside = {key: value for key, value in best.table.items() if not (bare or key.startswith((mine, *within)))}
    taken = {id(place.table) for place in places}
    return FoundNetwork(
        best.library,
        _unchunked(state),
        beside,
        best.prefix,
        best.where,
        tuple(dict.fromkeys(place.where or "the bare weights" for place in places[1:] if place.where != best.where)),
        tuple(
            ".".join(path)
            for path, table in tables
            if path and id(table) not in taken and not _OF_TRAINING.search(path[0])
        ),
    )


def tensors_of(content: Mapping[Any, Any]) -> State:
    """Return the tensors by name of the largest table in what a file holds, for a file without network."""
    return max((table for _, table in _tables(content, (), set())), key=len, default={})


def without_shared_prefix(state: State) -> State:
    """Return a state without network, each name without the prefix that all share."""
    first = next(iter(state)).split(".")
    while len(first) > 1 and all(key.startswith(f"{first[0]}.") for key in state):
        state = {key.partition(".")[2]: value for key, value in state.items()}
        first = first[1:]
    return state


def _tables(
    content: Mapping[Any, Any], path: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], State]]:
    """Yield every table of tensors by name, with the keys that lead to it."""
    import torch

    if len(path) > _DEEPEST or id(content) in seen or len(seen) > _MOST_TABLES:
        return
    seen.add(id(content))
    table = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    if table:
        check_plain(table)
        yield path, _without_wrappers(table)
    for key, value in content.items():
        if isinstance(value, Mapping) and not (isinstance(key, str) and "optim" in key.lower()):
            yield from _tables(value, (*path, str(key)[:60]), seen)


def _without_wrappers(table: State) -> State:
    plain: State = {}
    for key, value in table.items():
        if key == _COUNTER or key.endswith(f".{_COUNTER}"):
            continue
        short = ".".join(part for part in key.split(".") if part not in _WRAPPED) if "_" in key else key
        plain[key if short in plain else short] = value
    return plain


def _places(path: tuple[str, ...], table: State) -> Iterator[_Place]:
    """Yield the networks of a table."""
    for key in table:
        if not key.endswith(".weight"):
            continue
        for ending, library in PATCHES.items():
            if key == ending or key.endswith(f".{ending}"):
                prefix = key[: -len(ending)]
                if is_network(table, prefix, ending):
                    yield _Place(path, prefix.rstrip("."), library, table)


def _same(one: _Place, other: _Place) -> bool:
    """Whether two places hold the very same tensors, as where a checkpoint names its network twice."""
    import torch

    def tensors(place: _Place) -> State:
        prefix = f"{place.prefix}." if place.prefix else ""
        return {key[len(prefix) :]: value for key, value in place.table.items() if key.startswith(prefix)}

    first, second = tensors(one), tensors(other)
    return first.keys() == second.keys() and all(
        first[key].shape == second[key].shape and torch.equal(first[key], second[key]) for key in first
    )


def _unchunked(state: State) -> State:
    """Return the state with the blocks counted through, where training kept them in chunks (blocks.0.3. ...)."""
    found = {key: _CHUNKED.fullmatch(key) for key in state if key.startswith("blocks.")}
    if not found or not all(found.values()):
        return state
    return {f"blocks.{match[1]}.{match[2]}" if (match := found.get(key)) else key: state[key] for key in state}
