"""Records: key order, numbers as the method found them, names that are no UTF-8, the schema's other half."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.given_result import explanation, picture, result
from vitexplain.errors import InputError, ModelError, UsageError
from vitexplain.images import Picture
from vitexplain.result import Explanation, Failure, Target, dump, plain


def test_the_record_has_the_keys_of_the_design_in_their_order() -> None:
    record = result().to_record()
    assert list(record) == [
        "schema",
        "image",
        "model",
        "predictions",
        "explanations",
        "runtime",
        "seconds",
        "version",
    ]
    assert record["image"]["view"] == {"kind": "crop", "box": [8.0, 0.0, 56.0, 48.0], "size": [56, 56]}
    assert record["predictions"][1] == {"index": 9, "label": None, "id": None, "probability": 0.25, "logit": 1.4}
    assert record["seconds"] == {"total": 0.123457}
    assert record["explanations"][0]["files"] == {}
    assert record["explanations"][0]["display"] == {"low": 0.01, "high": 0.1}


def test_a_float32_score_is_its_shortest_decimal_and_means_the_same_number() -> None:
    scores = np.random.default_rng(1).random((16, 16)).astype(np.float32)
    given = Explanation("raw", "raw", {}, scores, "share", (12, 12))
    text = dump(given.to_record())
    read = np.array(json.loads(text)["scores"], dtype=np.float32)
    assert (read == scores).all()
    assert max(len(repr(number)) for row in json.loads(text)["scores"] for number in row) <= 13


def test_a_float64_score_keeps_all_its_digits() -> None:
    scores = np.array([[1 / 3, 0.1 + 0.2]])
    record = Explanation("flow", "flow", {}, scores, "capacity", (1, 12)).to_record()
    assert record["scores"] == [[1 / 3, 0.1 + 0.2]]


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ModelError, match=r"rollout gave scores that are not finite .* `dtype=float32`"):
        Explanation("rollout", "rollout", {}, np.array([[1.0, np.nan]]), "share", (1, 12))


def test_options_and_statistics_become_plain_json() -> None:
    options = {"layers": (1, np.int64(3)), "residual": np.float32(0.3), "on": np.bool_(True), "head": None}
    assert plain(options) == {"layers": [1, 3], "residual": 0.3, "on": True, "head": None}


def test_bytes_of_a_path_that_are_no_utf8_survive_json() -> None:
    failure = Failure("caf\udce9.jpg", InputError("caf\udce9.jpg: no such file"), {"total": 0.0})
    text = failure.to_json()
    assert text.isascii() and "\\udce9" in text
    assert json.loads(text)["image"] == {"path": "caf\udce9.jpg"}


def test_a_failure_has_exactly_the_five_keys() -> None:
    record = Failure("x.jpg", InputError("x.jpg: no such file"), {"total": 0.5}).to_record()
    assert list(record) == ["schema", "image", "error", "seconds", "version"]
    assert record["error"] == {"type": "InputError", "message": "x.jpg: no such file"}


def test_notices_stand_in_the_record_only_when_there_are_any() -> None:
    plain_picture = picture()
    animated = Picture(plain_picture.image, "a.gif", plain_picture.sha256, ("animated: first frame of 3",))
    assert "notices" not in result(plain_picture).to_record()
    assert result(animated).to_record()["notices"] == ["animated: first frame of 3"]


def test_a_target_is_named_in_full() -> None:
    scores = np.zeros((1, 1), np.float32)
    given = Explanation("gradflow", "gradflow", {}, scores, "share", (1, 2), target=Target(3, "tabby", None))
    assert given.to_record()["target"] == {"index": 3, "label": "tabby", "id": None}


def test_a_given_scale_is_the_display_of_every_explanation() -> None:
    record = result(explanations=[explanation(), explanation("raw")]).to_record(display=lambda _: (0.0, 1.0))
    assert [entry["display"] for entry in record["explanations"]] == [{"low": 0.0, "high": 1.0}] * 2


def test_a_result_shows_its_overlay_in_a_notebook() -> None:
    given = result()
    shown = given._repr_png_()
    assert shown is not None
    with Image.open(io.BytesIO(shown)) as image:
        assert image.size == (640, 480)
        assert np.array_equal(np.asarray(image), np.asarray(given.overlay()))
    assert result(explanations=[])._repr_png_() is None


def test_an_overlay_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no explanation 1: this result holds 1"):
        result().overlay(1)


def test_importing_results_loads_no_drawing_and_neither_torch_nor_opencv() -> None:
    for rooms, absent in (("result", ("torch", "cv2", "vitexplain.render")), ("output", ("torch", "cv2"))):
        code = f"import sys, vitexplain.{rooms}; print([name for name in {absent!r} if name in sys.modules])"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "[]"
