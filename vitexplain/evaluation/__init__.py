"""The judge: which explanations to trust, by references, controls and intervals."""

from vitexplain.evaluation.findings import Evaluation
from vitexplain.evaluation.inputs import GivenImage, list_images
from vitexplain.evaluation.judge import Progress, evaluate
from vitexplain.evaluation.metrics import METRICS, Metric
from vitexplain.evaluation.objects import Objects, list_masks, read_boxes
from vitexplain.evaluation.question import Question
from vitexplain.evaluation.rows import Row
from vitexplain.evaluation.usual import usual_methods

__all__ = [
    "METRICS",
    "Evaluation",
    "GivenImage",
    "Metric",
    "Objects",
    "Progress",
    "Question",
    "Row",
    "evaluate",
    "list_images",
    "list_masks",
    "read_boxes",
    "usual_methods",
]
