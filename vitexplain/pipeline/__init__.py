"""image -> Result; images -> iterator of Results and Failures: the only place that builds results."""

from vitexplain.pipeline.doors import check_request, explain, explain_batch, explain_each, explain_many
from vitexplain.pipeline.explanations import require_class_method, require_flow
from vitexplain.pipeline.request import Request, check_view
from vitexplain.pipeline.variants import explain_alone, explain_by_head, explain_by_layer, explain_graph

__all__ = [
    "Request",
    "check_request",
    "check_view",
    "explain",
    "explain_alone",
    "explain_batch",
    "explain_by_head",
    "explain_by_layer",
    "explain_each",
    "explain_graph",
    "explain_many",
    "require_class_method",
    "require_flow",
]
