"""The mean of methods: its grammar, and its scores written out from those of its parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.literal_vit import small_pixels, small_vit
from vitexplain.attention import Fusion
from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import canonical_spec, gradients_asked, parse_methods, parse_spec
from vitexplain.methods.mean import Mean
from vitexplain.methods.smoothing import smoothed
from vitexplain.models import LoadedModel, wrap_model
from vitexplain.pipeline import explain


def run(model: LoadedModel, spec: str) -> Any:
    method = parse_spec(spec)
    return method(ForwardPass(model, small_pixels(), method.fusions, ("a", "b"), gradients=gradients_asked([method])))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("mean", "mean"),
        ("mean:attn-lrp+rollout:fusion=gradient", "mean"),
        ("mean:attn-lrp*2.0+rollout*1", "mean:attn-lrp*2+rollout"),
        (
            "mean:smooth=0.50,attn-lrp:layers=1:12*2+rollout:rows=kept,fusion=gradient",
            "mean:smooth=0.5,attn-lrp:layers=1:12*2+rollout:fusion=gradient,rows=kept",
        ),
        ("mean:raw:layers=2,source=patch:1,2+random", "mean:raw:layers=2:2,source=patch:1,2+random"),
        ("mean:libra:smooth=0.5*0.25+raw", "mean:libra:smooth=0.5*0.25+raw"),
        ("mean:smooth=1", "mean:smooth=1"),
    ],
)
def test_canonical_spec(text: str, canonical: str) -> None:
    assert canonical_spec(parse_spec(text)) == canonical
    assert parse_spec(canonical) == parse_spec(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean:attn-lrp*two+raw", "weight 'two' is not valid: expected a number from 1e-6 to 1e6"),
        ("mean:attn-lrp*1e20+raw", "weight '1e20' is not valid: expected a number from 1e-6 to 1e6"),
        (
            "mean:attn-lrp+raw,layer=1",
            "'raw,layer=1' does not exist: options follow a colon, raw:layer=1; methods are raw",
        ),
        ("mean:attn-lrp*0+raw", "weight '0' is not valid"),
        ("mean:attn-lrp*nan", "weight 'nan' is not valid"),
        ("mean:attn-lrp*", "weight '' is not valid"),
        ("mean:atn-lrp+raw", "did you mean attn-lrp"),
        ("mean:raw:residual=1+rollout", "method 'raw' has no option 'residual'"),
        ("mean:mean+raw", "a mean has no mean among its parts"),
        ("mean:layers=1:2,raw", "method 'mean' has no option 'layers'"),
        ("mean:raw+", "method '' does not exist"),
        ("mean:", "method '' does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_methods([text])
    assert "\n" not in str(caught.value)


def test_each_part_is_divided_by_the_sum_of_its_positive_part() -> None:
    model = wrap_model(small_vit())
    found = run(model, "mean:attn-lrp:layers=1:2*3+rollout:layers=2:2")
    signed, rollout = run(model, "attn-lrp:layers=1:2").values, run(model, "rollout:layers=2:2").values
    for image in range(2):
        positive = sum(score for score in signed[image] if score > 0)
        expected = (3 * signed[image] / positive + rollout[image] / sum(rollout[image])) / 4
        np.testing.assert_allclose(found.values[image], expected, rtol=1e-6, atol=1e-8)
    assert (found.layers, found.source, found.signed) == ((1, 2), "readout", True)
    assert list(found.statistics[0]) == ["rollout:layers=2:2 prefix_share"]
    told = "rollout:layers=2:2: the scores are those of the tokens that enter layer 2"
    assert found.notices[0][0].startswith(told)
    assert not run(model, "mean:rollout+raw").signed


def test_smoothing_is_of_the_mean_or_of_a_part() -> None:
    model = wrap_model(small_vit())
    whole = run(model, "mean:smooth=0.5,libra+rollout").values
    parts = run(model, "mean:libra:smooth=0.5+rollout:smooth=0.5").values
    plain = run(model, "mean:libra+rollout").values
    assert not np.allclose(whole, plain) and not np.allclose(whole, parts)
    grid = ForwardPass(model, small_pixels()).grid
    np.testing.assert_allclose(whole, smoothed(plain, grid, 0.5), rtol=1e-6)


def test_needs_fusions_and_lowest_layer_are_those_of_the_parts() -> None:
    mean = parse_spec("mean:rollout:fusion=gradient,layers=4:12+rollout:fusion=max+random")
    assert mean.needs == {"target", "gradients"}
    assert set(mean.fusions) == {Fusion("gradient"), Fusion("max")}
    assert gradients_asked([mean]) == {None: 4}
    assert parse_spec("mean:raw+random").needs == set()


def test_a_map_without_a_positive_score_is_left_out_and_said() -> None:
    model = wrap_model(small_vit())
    method = Mean("blank-out+rollout")
    found = method(ForwardPass(model, small_pixels() * 0, method.fusions, ("a", "b")))
    rollout = parse_spec("rollout")(ForwardPass(model, small_pixels() * 0, [Fusion()])).values
    np.testing.assert_allclose(found.values, rollout / rollout.sum(1, keepdims=True) / 2, rtol=1e-6)
    assert "blank-out: no score is above 0: left out of the mean" in found.notices[0]


def test_options_of_parts_are_checked_against_the_model() -> None:
    model = wrap_model(small_vit())
    picture = np.zeros((12, 12, 3), np.uint8)
    with pytest.raises(UsageError, match="layers 1:3 do not exist: the model has layers 1 to 2"):
        explain(model, picture, "mean:attn-lrp:layers=1:3+rollout")
    (found,) = explain(model, picture + 9, "mean:smooth=0.5,attn-lrp:layers=1:2*2+rollout").explanations
    assert found.options == {"parts": "attn-lrp:layers=1:2*2+rollout", "smooth": 0.5}
    assert found.spec == "mean:smooth=0.5,attn-lrp:layers=1:2*2+rollout"
    assert found.target is not None
