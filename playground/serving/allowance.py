"""Whether a run may start on this page: how long it takes, and the memory and disk that it needs."""

import math
from pathlib import Path

from lm.costs.sizes import check_fits, count_parameters, outline
from lm.errors import SettingsProblem
from lm.plan import Plan
from lm.training.loop import replay_steps
from lm.wording import duration
from playground.serving.limits import Limits

QUICKEST = 150e9  # floating-point operations a second of one core that no run here surpasses
ELSEWHERE = "the command line, on a machine of your own, trains longer ones"


class Allowance:
    """Compares plans with the limits of the page and with the machine."""

    def __init__(self, limits: Limits, cores: int, device: str, folder: Path) -> None:
        """folder: that of the runs."""
        self.limits, self.cores, self.device, self.folder = limits, cores, device, folder

    def check_size(self, plan: Plan, vocab_size: int) -> None:
        """Raise a `SettingsProblem` if the run needs more memory or disk than it may take, or than is free."""
        most = self.limits.run_megabytes * 1_000_000 or None
        snapshots = len(replay_steps(plan))
        check_fits(plan, vocab_size, self.folder, snapshots, self.device, most_memory=most)

    def check_length(self, plan: Plan, vocab_size: int, seconds: float | None) -> None:
        """Raise a `SettingsProblem` if the run is longer than this page allows.

        seconds: predicted; if they are not known (None or NaN), those that the quickest machine would take.
        """
        most = self.limits.run_steps
        if most and plan.steps > most:
            raise SettingsProblem(
                f"This page trains up to {most:,} steps, not {plan.steps:,}: choose fewer; {ELSEWHERE}."
            )
        allowed = self.limits.run_seconds
        if allowed and self.device == "cpu":
            if seconds is None or math.isnan(seconds):
                seconds = self._least(plan, vocab_size)
            if seconds > allowed:
                raise SettingsProblem(
                    f"This run would take {duration(seconds)} or more, and this page trains up to "
                    f"{duration(allowed)}: choose fewer steps or a smaller model; {ELSEWHERE}."
                )

    def _least(self, plan: Plan, vocab_size: int) -> float:
        """Seconds below which no run of the plan ends: 6 operations for each parameter and token."""
        if plan.training.learner != "gradient":
            return 0.0
        parameters = count_parameters(outline(plan, vocab_size))
        tokens = plan.tokens_per_step(0) * plan.steps
        return 6 * parameters * tokens / (QUICKEST * self.cores)
