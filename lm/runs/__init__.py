"""The run directory: its format, reading it, recording into it, packing it."""

from lm.runs.files import read_metrics
from lm.runs.format import CorpusRecord, RunRecord, Status
from lm.runs.run import Run, identity, open_run

__all__ = [
    "CorpusRecord",
    "Run",
    "RunRecord",
    "Status",
    "identity",
    "open_run",
    "read_metrics",
]
