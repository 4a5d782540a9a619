"""The limits of a page: what trains at once, what one visitor may hold, how large a run or a text may be.

Each is a flag of `python -m playground`. A page for oneself or a class is generous; a hosted page, on which
strangers share two cores, is strict (`HOSTED`). They are enforced by the supervisor (runs and the queue), the
library (kept runs), the texts, and the actions (size of a run, Writes).
"""

from dataclasses import replace
from typing import Self

from lm.settings import Setting, Settings, Whole, describe, setting

MOST = 1_000_000


class Limits(Settings):
    """What the page allows; 0 means no limit, except where the help says otherwise."""

    runs_at_once: Whole = setting(
        0,
        title="Runs at once",
        help="Runs that train at the same time; 0: one per core",
        ge=0,
        le=256,
    )
    queued_runs: Whole = setting(
        100,
        title="Queued runs",
        help="Runs that may wait in the queue, of all visitors",
        ge=1,
        le=MOST,
    )
    visitor_running: Whole = setting(
        64,
        title="Runs at once of a visitor",
        help="Runs of one visitor that train at once",
        ge=1,
        le=MOST,
    )
    visitor_queued: Whole = setting(
        64,
        title="Queued runs of a visitor",
        help="Runs of one visitor that may wait",
        ge=1,
        le=MOST,
    )
    visitor_writes: Whole = setting(
        8,
        title="Texts at once",
        help="Texts that models write for one visitor at once",
        ge=1,
        le=MOST,
    )
    kept_runs: Whole = setting(
        0,
        title="Kept runs",
        help="Ended runs that are kept, of all visitors; 0: all",
        ge=0,
        le=MOST,
    )
    kept_megabytes: Whole = setting(
        0,
        title="Size of kept runs",
        help="MB of all kept runs together; 0: no limit",
        ge=0,
        le=MOST,
    )
    visitor_kept_runs: Whole = setting(
        0,
        title="Kept runs of a visitor",
        help="Ended runs kept for one visitor; 0: all",
        ge=0,
        le=MOST,
    )
    visitor_kept_megabytes: Whole = setting(
        0,
        title="Size of a visitor's runs",
        help="MB kept for one visitor; 0: no limit",
        ge=0,
        le=MOST,
    )
    run_steps: Whole = setting(
        0,
        title="Longest run",
        help="Steps of the longest run; 0: no limit",
        ge=0,
        le=MOST,
        unit="steps",
    )
    run_seconds: Whole = setting(
        0,
        title="Longest time",
        help="Predicted seconds of the longest run, which is stopped after twice as many; 0: no limit",
        ge=0,
        le=MOST,
    )
    run_megabytes: Whole = setting(
        0,
        title="Memory of a run",
        help="MB of memory that one run may take; 0: as much as is free",
        ge=0,
        le=MOST,
    )
    text_megabytes: Whole = setting(
        4, title="Largest text", help="MB of the largest text that a visitor may add", ge=1, le=1000
    )
    texts_megabytes: Whole = setting(
        0,
        title="Size of all texts",
        help="MB of visitors' texts together; 0: no limit",
        ge=0,
        le=MOST,
    )

    import_megabytes: Whole = setting(
        0,
        title="Largest import",
        help="MB of the files of a model that a visitor imports; 0: as the disk takes",
        ge=0,
        le=MOST,
    )

    @classmethod
    def of(cls, hosted: bool, **flags: int) -> Self:
        """The limits of a page with the flags that were typed; `SettingsProblem` for one out of bounds."""
        return cls.make(**((HOSTED if hosted else {}) | flags))

    @classmethod
    def settings(cls, hosted: bool) -> list[Setting]:
        """The fields, for `lm.commands.flags.options`, with the default on this page in the help."""
        known = HOSTED if hosted else {}
        fields = [
            field.with_default(known.get(field.name, field.default)) for field in describe(cls)
        ]
        return [replace(field, help=f"{field.help} (now {field.default:,})") for field in fields]


HOSTED = {  # in place of the defaults, on a Space
    "visitor_running": 1,
    "visitor_queued": 6,
    "visitor_writes": 2,
    "kept_runs": 200,
    "kept_megabytes": 10_000,
    "visitor_kept_runs": 20,
    "visitor_kept_megabytes": 1_000,
    "run_steps": 50_000,
    "run_seconds": 3600,
    "run_megabytes": 4_000,
    "texts_megabytes": 200,
    "import_megabytes": 600,
}
