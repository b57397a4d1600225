"""BatchNorm under capture: its gradient against the formula, where the tokens are laid out as rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vitexplain.capture import BatchNormByFormula, capture


def of_rows(batch: int) -> Tensor:
    """Return a map (B, 6, 2, 2) that lies in memory as rows of tokens (B, 4, 6)."""
    return torch.randn(batch, 4, 6, dtype=torch.float64).transpose(1, 2).reshape(batch, 6, 2, 2)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_gradient_is_right_in_every_layout(batch: int, affine: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6, affine=affine).double().eval()
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    scale = (norm.weight.detach() if affine else 1) / (norm.running_var + norm.eps).sqrt()
    for value in (of_rows(batch), of_rows(batch).contiguous()):
        value.requires_grad_()
        result = capture(norm, value, lambda *_: None)
        torch.testing.assert_close(result, norm(value.detach()), rtol=1e-12, atol=1e-12)
        with BatchNormByFormula():
            torch.testing.assert_close(norm(value), result)
        for gradient in (of_rows(batch), of_rows(batch).contiguous()):
            (found,) = torch.autograd.grad(result, value, gradient, retain_graph=True)
            torch.testing.assert_close(found, gradient * scale.view(-1, 1, 1))


def test_other_calls_are_torchs_own() -> None:
    """In training, and where no gradient can come."""
    norm = nn.BatchNorm1d(6)
    value = torch.randn(8, 6, requires_grad=True)
    torch.testing.assert_close(capture(norm, value, lambda *_: None).mean(0), torch.zeros(6), atol=1e-6, rtol=0)
    with torch.no_grad():
        assert torch.equal(capture(norm.eval(), value, lambda *_: None), norm(value))
