"""Go on: a run that has ended trains on from its last checkpoint, with more steps or another learning rate.

What may change, and why other settings may not, is in `lm/runs/going_on.py`; here a run of the page joins the
queue again. It keeps its directory, its curve and, if this server started it, its token.
"""

import threading
from collections.abc import Sequence
from typing import Any

from lm.errors import RunProblem, SettingsProblem
from lm.plan import Rung
from lm.runs import going_on
from lm.runs.facts import text_key
from lm.runs.run import Run
from playground import controls
from playground.runs.library import INCLUDED
from playground.services import Services
from playground.serving.visitors import NOBODY, Visitor

_one_at_a_time = threading.Lock()  # two tabs may ask for the same run


class GoingOn:
    """Lets the runs of one rung go on."""

    def __init__(self, rung: Rung, services: Services) -> None:
        self.rung, self.services = rung, services

    def go_on(
        self, token: str, corpus: str, values: Sequence[Any], visitor: Visitor = NOBODY
    ) -> str:
        """Queue a run again with the settings that the controls show; returns its token.

        `Problem` if it is in training, is not the visitor's own, or a setting cannot change: it stays as it is.
        """
        plan, base = self.services.starts.plan(self.rung, values)
        named = controls.label_of(self.rung)
        with _one_at_a_time:
            run = self._ended(token)
            key = text_key(run.record.corpus)
            if corpus != key:
                raise RunProblem(
                    f"The run learns from {run.record.corpus.title} and keeps to it: choose that text, or "
                    "press Train to begin a new run."
                )
            going_on.check(run, plan.values(), named)
            step = run.status()[2]
            if step >= plan.steps:
                raise SettingsProblem(
                    f"The run has taken all its {step:,} steps: to go on, choose more steps than that."
                )
            text = self.services.starts.text(key, plan, base)
            if text.corpus.sha256 != run.record.corpus.sha256:
                raise RunProblem(
                    "The text of this run has changed since: press Train to begin anew."
                )
            size, allowance = text.tokenizer.vocab_size, self.services.allowance
            allowance.check_size(plan, size)
            seconds = self.services.estimates.of(plan, text)[0]
            allowance.check_length(plan, size, seconds)
            with self.services.supervisor.place(visitor) as place:
                run = going_on.go_on(run, plan.values(), named=named)
                return self.services.supervisor.start(run, text.data, paused=False, place=place)

    def _ended(self, token: str) -> Run:
        """The run of a token, if it has ended and may go on."""
        library, supervisor = self.services.library, self.services.supervisor
        if token.startswith(INCLUDED):
            raise SettingsProblem(
                "An included run stays as it is: press Train for a run of your own, which can go on."
            )
        if "steps" not in self.rung.settings():
            raise SettingsProblem(
                f"{self.rung.title} counts the text once: there is nothing to go on with."
            )
        if not token:
            raise RunProblem("There is no run yet that could go on: press Train.")
        run = library.view(token).run
        if run.plan.rung.name != self.rung.name:
            raise RunProblem("That run is of another model: open it on that model's tab.")
        if run.directory in supervisor.live_directories():
            raise RunProblem(
                "This run is in training already, perhaps from another tab: it goes on by itself."
            )
        return run
