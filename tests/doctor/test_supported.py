"""What works with timm's names: computed without weights, and true of networks that have some."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.command_line import command_line
from tests.models.small import build
from tests.networks.staged import build_staged
from vitexplain.doctor import names_like, support, try_methods
from vitexplain.doctor.supported import ASKED
from vitexplain.errors import ModelError
from vitexplain.methods import METHODS, canonical_spec
from vitexplain.models import load_model, wrap_model

KV_HEADS: dict[str, Any] = {"num_kv_heads": (2, 4)}

SMALL: dict[str, Any] = {"num_classes": 5, "img_size": 64}


@pytest.mark.parametrize(
    ("name", "options"),
    [("vit_tiny_patch16_224", {}), ("vit_base_patch16_siglip_224", {}), ("vit_large_patch16_sapiens2", KV_HEADS)],
)
def test_the_answer_is_what_a_plain_network_with_weights_does(name: str, options: dict[str, Any]) -> None:
    check_answer(name, build(name, **SMALL, **options))


@pytest.mark.parametrize(
    ("name", "staged"),
    [("swin_tiny_patch4_window7_224", "swin"), ("levit_128s", "levit"), ("visformer_tiny", "visformer")],
)
def test_the_answer_is_what_a_staged_network_with_weights_does(name: str, staged: str) -> None:
    check_answer(name, build_staged(staged))


def check_answer(name: str, module: Any) -> None:
    """Every method that is said to work gives a result, and no other does."""
    (row,) = support(name)
    trials = {trial.method: trial for trial in try_methods(wrap_model(module))}
    assert {method for method in METHODS if method in row.methods} == {
        method for method, trial in trials.items() if trial.works
    }
    assert {spec for spec in row.refused if spec in METHODS} == {
        method for method, trial in trials.items() if not trial.works
    }


@pytest.mark.parametrize("name", ["vit_small_patch16_18x2_224", "resnet18"])
def test_a_name_that_is_refused_is_refused_with_its_weights(name: str) -> None:
    row = next(row for row in support(f"{name[:-1]}[{name[-1]}]") if row.name == name)
    assert row.reason and not row.methods
    with pytest.raises(ModelError, match=re.escape(row.reason)):
        load_model(name)


def test_networks_of_the_same_parts_share_their_answer_and_it_is_theirs() -> None:
    assert list(support("*tiny*224")) == list(support("*tiny*224", each=True))


def test_levels_layers_and_sizes() -> None:
    (swin,) = support("swin_tiny_patch4_window7_224")
    assert (swin.layers, swin.grids) == (15, ((56, 56), (28, 28), (14, 14), (7, 7)))
    assert (swin.size, swin.multiples, swin.readout) == ((224, 224), (4, 4), "mean")
    (pit,) = support("pit_ti_224")
    assert pit.multiples is None
    assert set(pit.methods) | set(pit.refused) == set(map(canonical_spec, ASKED))


def test_attention_is_told_from_gates_and_convolutions() -> None:
    wanted = {"vit_tiny_patch16_224": True, "mixer_s32_224": True, "resnet18": False, "resnest14d": False}
    found = {name: next(support(name)).transformer for name in wanted}
    assert found == wanted


def test_a_row_for_every_name_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = command_line("models", "--support", "*pit_*")
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    names = names_like("*pit_*")
    assert names and all(sum(line.split()[:1] == [name] for line in lines) == 1 for name in names)
    assert f"all: {len(names)} names" in done.out


def test_json_lines() -> None:
    done = command_line("models", "--support", "*tiny*p16*", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["name"] for row in rows] == names_like("*tiny*p16*")
    assert "names, graph methods for" in done.err


def test_no_such_name() -> None:
    done = command_line("models", "--support", "nothing_like_it")
    assert done.code == 4
    assert "no model of timm's matches 'nothing_like_it'" in done.err
