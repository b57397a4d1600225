"""What these tests share."""

from tests.batch.timeless import no_time_passes

__all__ = ["no_time_passes"]
