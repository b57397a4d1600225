"""Rules of gates, norms and sums by hand: each hands on what it should, and holds constant what it should."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vitexplain.capture import LIBRA, LIBRA_ATTENTION, RelevanceRules, Rules
from vitexplain.capture.rule_gradients import leaning_sum
from vitexplain.errors import ModelError

Double = torch.float64


def drawn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=Double).requires_grad_()


def new_gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def rms(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


def rms_divided(x: Tensor) -> Tensor:
    return x / torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-6)


def centred(x: Tensor) -> Tensor:
    middle = x - x.mean(-1, keepdim=True)
    return middle / (middle.pow(2).mean(-1, keepdim=True) + 1e-6) ** 0.5


IDENTITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "silu in place": lambda x: functional.silu(x + 0.0, inplace=True),
    "gelu": functional.gelu,
    "tanh gelu": lambda x: functional.gelu(x, approximate="tanh"),
    "written-out tanh gelu": new_gelu,
    "quick gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": functional.relu,
    "leaky relu": lambda x: functional.leaky_relu(x, 0.1),
    "tanh": torch.tanh,
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_activation_hands_on_all(name: str) -> None:
    """g = y / x, element by element."""
    x = drawn(4, 6)
    with RelevanceRules("test"):
        y = IDENTITIES[name](x)
    torch.testing.assert_close(y, IDENTITIES[name](x.detach()))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, (y / x).detach())


NORMS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "rms_norm": (lambda x: functional.rms_norm(x, (6,), eps=1e-6), lambda x: (x**2).mean(-1, keepdim=True)),
    "written-out rms norm": (rms, lambda x: (x**2).mean(-1, keepdim=True)),
    "rms norm with a root": (rms_divided, lambda x: (x**2).mean(-1, keepdim=True)),
    "normalize": (lambda x: functional.normalize(x, dim=-1), lambda x: (x**2).sum(-1, keepdim=True)),
    "written-out normalize": (lambda x: x / x.norm(dim=-1, keepdim=True), lambda x: (x**2).sum(-1, keepdim=True)),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_divides_by_a_number(name: str) -> None:
    compute, square = NORMS[name]
    x, upstream = drawn(4, 6), drawn(4, 6).detach()
    with RelevanceRules("test"):
        y = compute(x)
    torch.testing.assert_close(y, compute(x.detach()))
    (gradient,) = torch.autograd.grad(y, x, upstream)
    torch.testing.assert_close(gradient, upstream / torch.sqrt(square(x.detach())), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("written", ["in place", "as a quotient"])
def test_weights_divided_by_their_sum_hold_it_constant(written: str) -> None:
    x = drawn(4, 6)
    with RelevanceRules("test"):
        y = x * 2
        if written == "in place":
            y /= y.sum(dim=-1).unsqueeze(-1)
        else:
            y = y / y.sum(-1, keepdim=True)
    upstream = torch.randn(4, 6, dtype=Double)
    (gradient,) = torch.autograd.grad(y, x, upstream)
    torch.testing.assert_close(y, x / x.sum(-1, keepdim=True))
    torch.testing.assert_close(gradient, upstream / x.detach().sum(-1, keepdim=True))


def test_a_written_out_layer_norm_is_torchs() -> None:
    x, upstream = drawn(4, 6), drawn(4, 6).detach()
    found = []
    for compute in (centred, lambda given: functional.layer_norm(given, (6,), eps=1e-6)):
        with RelevanceRules("test"):
            y = compute(x)
        found.append(torch.autograd.grad(y, x, upstream)[0])
    torch.testing.assert_close(*found)


def test_a_gated_product_is_shared() -> None:
    """silu(a) b: half of the relevance to a, half to b."""
    a, b = drawn(4, 6), drawn(6, 4).mT.detach().requires_grad_()
    with RelevanceRules("test"):
        y = functional.silu(a) * b
    for given, gradient in zip((a, b), torch.autograd.grad(y.sum(), (a, b)), strict=True):
        torch.testing.assert_close(given * gradient, y / 2)


def _with_a_part_added(x: Tensor) -> Tensor:
    scores = x @ x.mT
    scores[..., 1:] = scores[..., 1:] + 2 * x[..., :1]
    return scores


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x.amax(1),
        lambda x: functional.max_pool2d(x[None], 3, 2, 1),
        lambda x: functional.adaptive_avg_pool1d(x, 1),
        _with_a_part_added,
    ],
)
def test_maxima_and_what_is_written_in_place_lose_nothing(compute: Callable[[Tensor], Tensor]) -> None:
    x = drawn(3, 4, 4)
    with RelevanceRules("test"):
        y = compute(x)
    torch.testing.assert_close(y, compute(x))
    torch.testing.assert_close((x * torch.autograd.grad(y.sum(), x)[0]).sum(), y.sum())


def test_rotary_positions_are_linear() -> None:
    x, angle = drawn(2, 3, 5, 4), torch.rand(5, 4, dtype=Double)

    def rotate(given: Tensor) -> Tensor:
        turned = torch.stack([-given[..., 1::2], given[..., ::2]], -1).reshape(given.shape)
        return given * angle.cos() + turned * angle.sin()

    plain = torch.autograd.grad(rotate(x).sum(), x)[0]
    with RelevanceRules("test", Rules("test", residual=1.0)):
        y = rotate(x)
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0], plain)


def test_a_leaning_sum_by_hand() -> None:
    """3 + (-1) = 2, gamma 1: weights 2 and 1, 2 / (6 - 1) of each; 1 + (-1) = 0: the gradient as it is."""
    a = torch.tensor([3.0, 1.0, -2.0], requires_grad=True)
    b = torch.tensor([-1.0, -1.0, -2.0], requires_grad=True)
    of_a, of_b = torch.autograd.grad(leaning_sum(a, b, 1.0).sum(), (a, b))
    assert of_a.tolist() == pytest.approx([2 * 2 / 5, 1, 1])
    assert of_b.tolist() == pytest.approx([2 / 5, 1, 1])
    assert float((a * of_a + b * of_b).detach()[0]) == pytest.approx(2)


def test_constant_attention_gives_all_to_the_values() -> None:
    q, k, v = drawn(1, 2, 4, 3), drawn(1, 2, 4, 3), drawn(1, 2, 4, 3)
    weights = torch.softmax(q @ k.mT / math.sqrt(3), -1).detach()
    upstream = drawn(1, 2, 4, 3).detach()
    attentions: list[Callable[[], Tensor]] = [
        lambda: functional.scaled_dot_product_attention(q, k, v),
        lambda: (q @ k.mT / math.sqrt(3)).softmax(-1) @ v,
    ]
    for compute in attentions:
        with RelevanceRules("test", LIBRA):
            y = compute()
        gradients = torch.autograd.grad(y, (q, k, v), upstream, allow_unused=True)
        assert gradients[0] is None and gradients[1] is None
        torch.testing.assert_close(gradients[2], weights.mT @ upstream)


def test_attention_that_is_seen_has_a_gradient_that_goes_no_further() -> None:
    q, v = drawn(1, 2, 4, 3), drawn(1, 2, 4, 3)
    upstream = drawn(1, 2, 4, 3).detach()
    with RelevanceRules("test", LIBRA_ATTENTION):
        weights = (q @ q.mT).softmax(-1)
        y = functional.dropout(weights, training=False) @ v
    of_q, of_weights, of_v = torch.autograd.grad(y, (q, weights, v), upstream, allow_unused=True)
    assert of_q is None
    torch.testing.assert_close(of_weights, upstream @ v.detach().mT)
    torch.testing.assert_close(of_v, weights.detach().mT @ upstream)


@pytest.mark.parametrize(
    ("compute", "named"),
    [
        (lambda x: torch.sigmoid(x) + x, "sigmoid"),
        (lambda x: torch.sigmoid(x) + 1, "sigmoid"),
        (lambda x: torch.exp(x), "exp"),
        (lambda x: x / (x + 1), "div"),
        (lambda x: x / x.detach().add(x).sum(-1, keepdim=True), "div"),
        (lambda x: x.pow(2.5), "pow"),
        (lambda x: x.logsumexp(-1), "logsumexp"),
        (lambda x: functional.gelu(x)[:, 1:].add_(1), "a change in place"),
    ],
)
def test_what_has_no_rule_is_refused(compute: Callable[[Tensor], Tensor], named: str) -> None:
    with pytest.raises(ModelError, match=f"attn-lrp has no rule for '{named}', which model 'test' computes"):
        RelevanceRules("test").run(compute, drawn(4, 6))


def test_what_does_not_lead_to_the_output_needs_no_rule() -> None:
    """What a model computes and does not use."""

    def beside(x: Tensor) -> Tensor:
        torch.sigmoid(x)
        return x * 2

    assert RelevanceRules("test").run(beside, drawn(4, 6)).requires_grad


def test_batch_norm_is_linear_by_the_statistics_of_its_training() -> None:
    x, mean, variance = drawn(4, 6), drawn(6).detach(), drawn(6).detach() ** 2 + 1
    with RelevanceRules("test"):
        y = functional.batch_norm(x, mean, variance)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, (variance + 1e-5).rsqrt().expand(4, 6))
    with RelevanceRules("test"), pytest.raises(ModelError, match="no rule for 'batch_norm'"):
        functional.batch_norm(x, mean, variance, training=True)


@pytest.mark.parametrize("rules", [LIBRA, LIBRA_ATTENTION])
def test_a_softmax_that_is_not_attention_has_its_gradient(rules: Rules) -> None:
    x, upstream = drawn(4, 6), drawn(4, 6).detach()
    with RelevanceRules("test", rules):
        y = x.softmax(-1)
    (gradient,) = torch.autograd.grad((y * upstream).sum(), x)
    shares = x.detach().softmax(-1)
    torch.testing.assert_close(gradient, shares * (upstream - (shares * upstream).sum(-1, keepdim=True)))
