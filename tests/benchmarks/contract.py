"""The contract with every name of timm's, proved with random weights: python -m tests.benchmarks.contract [PATTERN]

For each name that is explained: outputs under capture are the plain ones (1e-4), rows of every layer and the rollout
sum to 1, levels and readout are those that gradients show, and the edges are true by gradients both ways. With
`--smallest` only the member of each class with the fewest parameters, and every method is tried, too: one works if, and
only if, `vitexplain models --support` says so.

Each network is built at the smallest size of pictures that leaves 2 x 2 tokens or more in its last level, and runs in a
process of its own. What was found is a line of `--results` for each name; names that stand there are not run again.
`--figures` then counts support and results by family into contract.json, from which the guide's table is made
(`python -m tests.benchmarks.contract_table` prints it).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.contract_table import FIGURES, counted
from tests.networks.edges import check_edges, check_levels, check_rows
from vitexplain.doctor import Support, support, try_methods
from vitexplain.errors import VitexplainError
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.models.timm_network import unchecked_blank_network
from vitexplain.networks import recognise

MOST_TOKENS = 24
"""So many tokens of each level are drawn for the edges."""
LEAST_LAST = 2
"""Rows and columns of the last level."""


def main() -> None:
    """Prove the names that match, or count what was proved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?")
    parser.add_argument("--smallest", action="store_true", help="one member of each class, with every method")
    parser.add_argument("--results", type=Path, default=Path("contract.jsonl"))
    parser.add_argument("--figures", action="store_true", help="count support and results into contract.json")
    parser.add_argument("--most-parameters", type=float, default=4e8, help="larger networks are not run")
    options = parser.parse_args()
    rows = list(support(options.pattern))
    known = _known(options.results)
    if options.figures:
        FIGURES.write_text(json.dumps(counted([asdict(row) for row in rows], known), indent=1) + "\n", "utf-8")
        return
    chosen = [row for row in rows if row.reason is None]
    for row, parameters in _smallest(chosen) if options.smallest else _sized(chosen):
        if row.name in known:
            continue
        if parameters > options.most_parameters:
            found: dict[str, Any] = {"name": row.name, "not_run": f"{parameters / 1e6:,.0f} million parameters"}
        else:
            found = _in_a_process(row, methods=options.smallest)
        with options.results.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(found) + "\n")
        failed = {name: said for name, said in found.get("checks", {}).items() if said is not True}
        print(row.name, found.get("not_run") or failed or "holds", f"{found.get('seconds', 0):.1f} s", flush=True)


def _known(results: Path) -> dict[str, dict[str, Any]]:
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    return {row["name"]: row for row in map(json.loads, lines)}


def _sized(rows: list[Support]) -> Iterator[tuple[Support, int]]:
    """Yield the rows with their numbers of parameters."""
    for row in rows:
        yield row, sum(each.numel() for each in unchecked_blank_network(row.name, {}).parameters())


def _smallest(rows: list[Support]) -> list[tuple[Support, int]]:
    """Return of each class of networks, embedding, blocks and readout the member with the fewest parameters."""
    best: dict[object, tuple[Support, int]] = {}
    for row in rows:
        module = unchecked_blank_network(row.name, {})
        parameters = sum(each.numel() for each in module.parameters())
        network = recognise(module)
        parts = {type(network.module.get_submodule(name)).__name__ for name in (network.embedding, *network.blocks)}
        key = (type(module), row.family, row.readout, row.prefix, frozenset(parts))
        if key not in best or parameters < best[key][1]:
            best[key] = row, parameters
    return list(best.values())


def _in_a_process(row: Support, *, methods: bool) -> dict[str, Any]:
    """Return what `prove` finds in a process of its own, which frees its memory and may die."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(prove(row, methods=methods)))
    process.start()
    sender.close()
    try:
        found: dict[str, Any] = receiver.recv()
    except EOFError:
        found = {"name": row.name, "checks": {"process": f"ended with {process.exitcode}"}}
    process.join()
    return found


def prove(row: Support, *, methods: bool) -> dict[str, Any]:
    """Return for each check True, or in words what does not hold."""
    started = time.perf_counter()
    module, size = small_network(row.name)
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    checks: dict[str, Callable[[], object]] = {}
    if row.has_graph:
        checks["outputs and rows"] = lambda: check_rows(module, pixels)
        checks["levels and readout"] = lambda: check_levels(module, pixels)
        checks["edges"] = lambda: check_edges(module, pixels, MOST_TOKENS)
    if methods:
        checks["methods"] = lambda: check_methods(row, module, size)
    return {
        "name": row.name,
        "pixels": size,
        "layers": row.layers,
        "checks": {name: _said(check) for name, check in checks.items()},
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _said(check: Callable[[], object]) -> bool | str:
    try:
        check()
    except Exception as error:  # whatever does not hold is told
        return f"{type(error).__name__}: {str(error)[:300]}"
    return True


def check_methods(row: Support, module: Any, size: tuple[int, int]) -> None:
    """A method gives scores if, and only if, it is said to work."""
    own = recognise(module).pixels.built_for
    trials = list(try_methods(wrap_model(module, image_size=None if own == size else size)))
    wrong = [f"{each.method}: {each.reason}" for each in trials if each.works != (each.method in row.methods)]
    assert not wrong, "; ".join(wrong)


def small_network(name: str) -> tuple[Any, tuple[int, int]]:
    """Return the network with random weights, none where they begin, and the pixels that it was built for."""
    timm = import_timm()
    patch = recognise(unchecked_blank_network(name, {})).pixels.patch
    torch.manual_seed(0)
    for times in (4, 8, 16, 32, None):
        size = None if times is None else (patch[0] * times, patch[1] * times)
        for options in [{"img_size": size}, {}] if size else [{}]:
            try:
                with torch.device("meta"):
                    network = recognise(timm.create_model(name, **options))
                own = network.pixels.built_for
                tried = size or own or (224, 224)
                last = network.levels(*tried)[-1]
            except (TypeError, ValueError, AssertionError, VitexplainError, RuntimeError):
                continue
            if size is None or (own in (None, size) and min(last.rows, last.cols) >= LEAST_LAST):
                classes = {} if network.classes else {"num_classes": 10}
                module = timm.create_model(name, **options, **classes).eval()
                _move(module, tried)
                return module, tried
    raise VitexplainError(f"{name}: cannot be built")


def _move(module: Any, size: tuple[int, int]) -> None:
    """Move all weights from where they begin, which may be zero; statistics become those of pictures."""
    with torch.no_grad():
        for each in module.parameters():
            spread = 0.05 if each.ndim < 2 else min(0.05, 0.5 / each[0].numel() ** 0.5)
            each.add_(torch.randn_like(each) * spread)
        norms = [part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        if norms:
            module.train()(torch.randn(8, 3, *size))
    module.eval()


if __name__ == "__main__":
    main()
