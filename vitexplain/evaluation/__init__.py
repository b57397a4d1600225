"""The judge: which explanations to believe, by references, controls and intervals."""

from vitexplain.evaluation.judge import Evaluation, Progress, evaluate
from vitexplain.evaluation.question import METRICS, Question
from vitexplain.evaluation.rows import Row
from vitexplain.evaluation.sources import ImageSource, list_images

__all__ = ["METRICS", "Evaluation", "ImageSource", "Progress", "Question", "Row", "evaluate", "list_images"]
