"""What is known about one image: Result, Explanation, Prediction, Target, Failure, and their JSON, both ways."""

from vitexplain.result.check import Check
from vitexplain.result.check_words import (
    NO_BETTER,
    check_notice,
    check_sentences,
    check_title,
    check_verdict,
    checked_rows,
)
from vitexplain.result.class_names import class_name, class_names, notices_of, target_name, target_names
from vitexplain.result.explanation import (
    PERCENTILE,
    STRETCHED,
    Explanation,
    Prediction,
    Similarity,
    Target,
    display_ends,
    require_finite,
)
from vitexplain.result.json_values import dump, plain, plain_number
from vitexplain.result.recorded import RecordedPicture
from vitexplain.result.result import SCHEMA, Failure, ModelInfo, Result
from vitexplain.result.transform import Transform
from vitexplain.result.truth import Truth, Verdict, verdict_in

__all__ = [
    "NO_BETTER",
    "PERCENTILE",
    "SCHEMA",
    "STRETCHED",
    "Check",
    "Explanation",
    "Failure",
    "ModelInfo",
    "Prediction",
    "RecordedPicture",
    "Result",
    "Similarity",
    "Target",
    "Transform",
    "Truth",
    "Verdict",
    "check_notice",
    "check_sentences",
    "check_title",
    "check_verdict",
    "checked_rows",
    "class_name",
    "class_names",
    "display_ends",
    "dump",
    "notices_of",
    "plain",
    "plain_number",
    "require_finite",
    "target_name",
    "target_names",
    "verdict_in",
]
