"""One run that this server started: its status, and the orders to its process."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from playground.runs.run_view import RunView
from playground.serving.visitors import NOBODY, Visitor
from playground.training import processes
from playground.training.worker import work

LIVE = ("queued", "starting", "running", "paused")
ENDED = ("finished", "stopped", "failed")


@dataclass(eq=False)
class Supervised:
    """A run and its process.

    Its status is one of `LIVE` or `ENDED`. "queued": it waits for a core, without a process if it has not
    begun, else with one that waits. A "paused" run holds a core as long as it completes single steps.
    """

    view: RunView
    data: Any  # of the run's task, until its process has it
    begins_paused: bool
    visitor: Visitor = NOBODY
    budget: float | None = None  # seconds of training, from which its process makes steps
    watched: float = 0.0  # when somebody last asked for it, as in `time.monotonic()`
    status: str = "queued"
    reason: str | None = None
    queued_at: int = 0  # a later one has a larger number
    holds_core: bool = False
    core_seconds: float = 0.0  # for which it has held one
    due: list[str] = field(default_factory=list)  # "resume", or "step" so often, once it has a core
    process: Any = None
    pipe: Any = None
    ready: bool = False  # whether the process has sent its first state
    early: list[tuple[str, Any]] = field(default_factory=list)  # orders that came before that
    # States that the process has still to send: its first, and one for each order.
    unanswered: int = 1
    threads: int = 0  # that its process may use
    stopping_since: float | None = None
    stopped_because: str | None = None  # if this server, and not a visitor, stopped it
    killed_because: str | None = None  # if this server killed its process

    @property
    def waits(self) -> bool:
        """Whether it waits in the queue."""
        return self.status == "queued" and self.stopping_since is None

    @property
    def due_steps(self) -> list[str]:
        """The single steps that it waits to make."""
        return [order for order in self.due if order == "step"]

    @property
    def has_process(self) -> bool:
        """Whether a process of it is there, or is about to be."""
        return self.pipe is not None or self.status == "starting"

    def start_process(self, device: str) -> None:
        """Start the process that trains it; raises whatever the system raises."""
        job = (
            self.view.run.directory,
            self.data,
            self.begins_paused,
            self.threads,
            device,
            self.budget,
        )
        self.process, self.pipe = processes.start(work, *job)
        self.data = None

    def send(self, order: str, value: Any = None) -> None:
        """Send an order to its process; it is lost on one that has exited."""
        if self.pipe is not None:
            self.unanswered += order in ("pause", "resume", "step")
            with contextlib.suppress(OSError):
                self.pipe.send((order, value))

    def use_threads(self, threads: int) -> None:
        """Tell its process how many threads it may use, if it does not know."""
        if threads != self.threads:
            self.threads = threads
            self.send("threads", threads)

    def keep(self, order: str, value: Any) -> None:
        """Keep an order until its process is ready."""
        if self.status == "queued" and order in ("pause", "step", "resume"):
            self.begins_paused = order != "resume"
        if order == "resume":
            self.early = [other for other in self.early if other[0] != "step"]
        if self.status == "starting" or order in ("step", "learning_rate", "stop"):
            self.early.append((order, value))

    def send_early(self) -> None:
        """Its process is ready: send it the orders that were kept."""
        self.ready = True
        if self.budget is not None:
            self.view.reopen()  # it has other steps now
        for order in self.early:
            self.send(*order)
        self.early.clear()

    def send_due(self) -> None:
        """It has a core: let it do what it has waited for."""
        self.status = "running" if "resume" in self.due else "paused"
        for order in self.due:
            self.send(order)
        self.due.clear()

    def kill(self, because: str) -> None:
        """Kill its process, for this reason; it lets go of the run's lock when it has exited."""
        if self.process is not None and self.killed_because is None:
            self.killed_because = because
            self.process.kill()
            self.process.join(1.0)

    def end_of_process(self) -> tuple[str, str]:
        """Its process has exited without saying so: the status and the reason for it."""
        code = processes.exit_code(self.process)
        if self.killed_because is not None:
            return "stopped", self.killed_because
        how = f"ended with exit code {code}"
        if code and code < 0:
            how = f"was killed by signal {-code}, and not by this page"
        hint = " (often: out of memory; try a smaller model)" if code == -9 else ""
        return "failed", (
            f"The training process {how}{hint}. Its last snapshot is kept: press Train to start again."
        )
