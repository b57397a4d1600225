"""image -> Result; images -> iterator of Results and Failures: the only place that builds results.

`explain` and `explain_many` are for everyone; `explain_batch` is what a batch of pictures that are read already goes
through. What is asked is a `Request`: its methods, its classes, and what stands for each method (`Variants`).
"""

from vitexplain.pipeline.batch import explain_batch
from vitexplain.pipeline.checks import require_class_method, require_flow, require_layers
from vitexplain.pipeline.default import chosen_methods, default_methods
from vitexplain.pipeline.entry_points import explain, explain_many
from vitexplain.pipeline.picture_check import PictureCheck
from vitexplain.pipeline.request import Request
from vitexplain.pipeline.truth import truth_of
from vitexplain.pipeline.variants import (
    AS_THEY_ARE,
    BY_HEAD,
    BY_LAYER,
    VERIFIED,
    Variants,
    keeping_deletions,
    keeping_graphs,
)

__all__ = [
    "AS_THEY_ARE",
    "BY_HEAD",
    "BY_LAYER",
    "VERIFIED",
    "PictureCheck",
    "Request",
    "Variants",
    "chosen_methods",
    "default_methods",
    "explain",
    "explain_batch",
    "explain_many",
    "keeping_deletions",
    "keeping_graphs",
    "require_class_method",
    "require_flow",
    "require_layers",
    "truth_of",
]
