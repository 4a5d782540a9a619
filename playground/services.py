"""The objects that all visitors share: runs, texts, models in memory, and time estimates."""

from pathlib import Path

from playground.exchange.routes import Exchange
from playground.looking.snapshots import Snapshots
from playground.looking.writes import Writes
from playground.runs.board import Board
from playground.runs.comparison import Comparison
from playground.runs.library import Library
from playground.serving.allowance import Allowance
from playground.serving.zero_gpu import Burst
from playground.texts import Texts
from playground.training import processes
from playground.training.estimates import Estimates
from playground.training.starts import Starts
from playground.training.supervisor import Supervisor

SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"


class Services:
    """One of each, shared by every tab and every visitor."""

    def __init__(
        self,
        supervisor: Supervisor,
        library: Library,
        *,
        board: bool = False,
        burst: Burst | None = None,
    ) -> None:
        """burst: trains on a GPU that a Space lends (`playground/serving/zero_gpu.py`); None: there is none."""
        self.supervisor = supervisor
        self.library = library
        self.snapshots = Snapshots()
        self.comparison = Comparison(library)
        limits, folder = supervisor.limits, library.runs_folder
        most = limits.texts_megabytes * 1_000_000
        self.texts = Texts(folder, library.baselines(), most)
        self.allowance = Allowance(limits, supervisor.cores, supervisor.device, folder)
        self.starts = Starts(library, self.texts)
        self.writes = Writes(limits.visitor_writes)
        self.exchange = Exchange(library)
        self.estimates = Estimates(supervisor)
        supervisor.seconds_left = self.estimates.left
        self.board = Board(library) if board else None
        self.burst = burst

    def prepare(self) -> None:
        """Import the modules of a run, which takes seconds: call it once the page is served."""
        processes.prepare()

    def close(self) -> None:
        """Stop every run, keeping its weights, the timing of plans, and imports and exports."""
        self.exchange.close()
        self.supervisor.close()
        self.estimates.close()
