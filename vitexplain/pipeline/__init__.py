"""image -> Result; images -> iterator of Results and Failures: the only place that builds results."""

from vitexplain.pipeline.doors import (
    Request,
    check_request,
    check_view,
    explain,
    explain_batch,
    explain_each,
    explain_many,
)

__all__ = ["Request", "check_request", "check_view", "explain", "explain_batch", "explain_each", "explain_many"]
