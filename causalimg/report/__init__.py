"""The report of a study: figures, and one self-contained HTML page."""

from causalimg.report.page import render, write_report

__all__ = ["render", "write_report"]
