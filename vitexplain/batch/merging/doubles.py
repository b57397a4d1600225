"""Which records are there twice: found by one number a record, so that millions of them fit into memory."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from vitexplain.batch.merging.tables import Table, key_of
from vitexplain.errors import InputError
from vitexplain.output import line

Keep = Literal["first", "last", "all"]
KEEPS: tuple[Keep, ...] = get_args(Keep)

_OF_A_RUN = ("seconds", "runtime", "version")
"""Fields that differ between two runs with the same results, as the names of files do."""


@dataclass
class Doubles:
    """The numbers of the records, counted through all tables from 0, that are left out.

    `total`: of all records; `identical` and `failed`: how many are left out as they are there twice, or failed once and
    were explained another time; `other`: how many for which `keep` decided.
    """

    total: int = 0
    dropped: set[int] = field(default_factory=set)
    identical: int = 0
    failed: int = 0
    other: int = 0


@dataclass(frozen=True)
class _Seen:
    number: int
    table: Table
    digest: bytes
    failed: bool


def find_doubles(tables: Sequence[Table], keep: Keep | None) -> Doubles:
    """Return which records are left out, as their batch has others of the same key.

    Eight bytes a record are kept in memory, and the keys of those that may be there twice. InputError: there are
    different records of one key, and `keep` does not say which one stays.
    """
    hashes = array("Q")
    for table in tables:
        for key in table.each_key():
            hashes.append(_hash(table, key))
    ordered = np.sort(np.frombuffer(hashes, np.uint64)) if hashes else np.empty(0, np.uint64)
    twice = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    found = Doubles(len(hashes))
    if not twice or keep == "all":
        return found
    same: dict[tuple[str, str], list[_Seen]] = {}
    number = 0
    for table in tables:
        for record in table.records():
            key = key_of(record)
            if _hash(table, key) in twice:
                seen = _Seen(number, table, _digest(record), "error" in record)
                same.setdefault((table.batch, key), []).append(seen)
            number += 1
    for (_, key), each in same.items():
        _drop(found, key, each, keep)
    return found


def _drop(found: Doubles, key: str, same: Sequence[_Seen], keep: Keep | None) -> None:
    """Decide which record of one key stays."""
    explained = [each for each in same if not each.failed]
    left = explained or list(same)
    found.failed += len(same) - len(left)
    distinct = {each.digest: each for each in reversed(left)}
    if len(distinct) > 1 and keep is None and explained:
        first, other = sorted(distinct.values(), key=lambda each: each.number)[:2]
        where = f"in {first.table}" if first.table == other.table else f"in {first.table} and in {other.table}"
        raise InputError(
            f"there are different records of {key!a} {where}: `keep=first`, `keep=last` or `keep=all` says which stay"
        )
    found.identical += len(left) - len(distinct)
    found.other += len(distinct) - 1
    stays = left[-1] if keep == "last" else left[0]
    found.dropped |= {each.number for each in same if each is not stays}


def _hash(table: Table, key: str) -> int:
    named = f"{table.batch}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "little")


def _digest(record: Mapping[str, Any]) -> bytes:
    same = {name: value for name, value in record.items() if name not in _OF_A_RUN}
    if "explanations" in same:
        same["explanations"] = [{**each, "files": None} for each in same["explanations"]]
    return hashlib.sha256(line(same)).digest()
