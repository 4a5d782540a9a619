"""The run directory: its format, reading it, recording into it, packing it."""

from lm.runs.run import (
    FORMAT,
    SCALE,
    CorpusRecord,
    Run,
    RunRecord,
    Status,
    StatusRecord,
    data_for,
    in_floats,
    open_run,
    read_json,
    read_metrics,
    read_tensors,
)

__all__ = [
    "FORMAT",
    "SCALE",
    "CorpusRecord",
    "Run",
    "RunRecord",
    "Status",
    "StatusRecord",
    "data_for",
    "in_floats",
    "open_run",
    "read_json",
    "read_metrics",
    "read_tensors",
]
