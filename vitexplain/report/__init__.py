"""The report of a run folder: its records as one HTML page that needs no network. Reads records, runs no model."""

from vitexplain.report.pictures import Pictures
from vitexplain.report.writing import PAGE, Report, write_report

__all__ = ["PAGE", "Pictures", "Report", "write_report"]
