"""A network whose classifier reads one known token: its maps stay in what that token sees, as gradients say."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from torch import Tensor

from tests.networks.edges import NOTHING, gates_of
from tests.networks.staged import build_staged
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import gradients_asked, parse_spec
from vitexplain.models import wrap_model
from vitexplain.networks import recognise
from vitexplain.networks.twin import twin_of

NARROW: dict[str, dict[str, Any]] = {
    **{name: {"img_size": 128, "depths": (1, 1, 1)} for name in ("swin", "swinv2", "swinv2_cr")},
    "maxvit": {"img_size": 128, "embed_dim": (8, 8), "depths": (1, 1), "transformer_window_size": (2, 2)},
}
"""Networks of one block a stage, over pictures so large that no token sees all of it."""


def seen_by(module: Any, row: int, col: int, pixels: Tensor) -> numpy.ndarray[Any, Any]:
    """Return which patches of level 0 the last level's token (row, col) depends on, (rows, cols)."""
    network = recognise(module)
    embeddings: list[Tensor] = []

    def embed(forward: Any, *args: Any) -> Tensor:
        embeddings.append(forward(*args).detach().requires_grad_())
        return embeddings[0]

    last: list[Tensor] = []

    def keep(forward: Any, *args: Any) -> Tensor:
        last.append(forward(*args))
        return last[0]

    with torch.enable_grad():
        twin_of(module, {network.embedding: embed, network.blocks[-1]: keep, **gates_of(module)})(pixels[:1])
    (gradient,) = torch.autograd.grad(last[0][0, row, col].sum(), embeddings[0])
    size = network.by_patch(gradient)[0].norm(dim=-1)
    level = network.levels(*pixels.shape[-2:])[0]
    seen: numpy.ndarray[Any, Any] = (size > NOTHING * size.max()).reshape(level.rows, level.cols).numpy()
    return seen


@pytest.mark.parametrize("spec", ["rollout", "flow", "rollout:fusion=gradient", "attn-lrp:layers=1:5", "libra"])
@pytest.mark.parametrize("name", NARROW)
def test_the_map_of_one_token_stays_in_what_it_sees(name: str, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = build_staged(name, **NARROW[name])
    pixels = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    row, col = 6, 1
    seen = seen_by(module, row, col, pixels)
    assert 0 < seen.sum() <= seen.size / 2

    cls, forward_head = type(module), type(module).forward_head

    def of_one_token(module: Any, tokens: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        one = torch.zeros_like(tokens)
        if name in ("swinv2_cr", "maxvit"):  # channels first
            one[:, :, row, col] = tokens[:, :, row, col]
        else:
            one[:, row, col] = tokens[:, row, col]
        found: Tensor = forward_head(module, one, *args, **kwargs)
        return found

    monkeypatch.setattr(cls, "forward_head", of_one_token)
    if spec in ("rollout", "flow", "rollout:fusion=gradient"):
        spec += f"{',' if ':' in spec else ':'}source=patch:{row},{col}"
    method = parse_spec(spec)
    model = wrap_model(module)
    run = ForwardPass(model, pixels, method.fusions, ("a",), gradients=gradients_asked([method]))
    scores = numpy.abs(method(run).values).reshape(seen.shape)
    assert scores.max() > 0
    assert scores[~seen].max() <= 1e-6 * scores.max()
    if spec.startswith("rollout:source"):
        assert scores[seen].min() > 0
