"""A training run in the terminal: a progress bar, and a run that saves itself before it ends."""

import contextlib
from collections.abc import Generator, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lm.commands.interruption import Interruption
from lm.runs.run import Run
from lm.training.events import (
    Checkpoint,
    Command,
    Evaluated,
    Evaluating,
    Event,
    Step,
    TakeCheckpoint,
)


def watch(
    run: Run,
    events: Generator[Event, Command | None, None],
    console: Console,
    interruption: Interruption,
    until_val_loss: float | None = None,
) -> bool:
    """Show a run's events until it ends or reaches `until_val_loss`; False if it was asked to end earlier.

    A run that is asked to end takes a checkpoint after the current event. `until_val_loss` is in nats per
    character.
    """
    steps, per_step = run.plan.steps, run.record.tokens_per_step
    columns = (
        TextColumn("step {task.completed:,}/{task.total:,}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]} · validation {task.fields[validation]}"),
        TextColumn("· {task.fields[speed]} tokens/s ·"),
        TimeRemainingColumn(),
    )
    first: Step | None = None
    progress = Progress(*columns, console=console)
    with _shown(progress):
        so_far = run.status()[2]
        bar = progress.add_task(
            "", total=steps, completed=so_far, loss="–", validation="–", speed="–"
        )
        for event in _each(events):
            reached = (
                isinstance(event, Evaluated)
                and until_val_loss is not None
                and event.loss <= until_val_loss
                and event.step < steps
            )
            if reached or interruption.number:  # before anything is shown: the terminal may be gone
                events.send(TakeCheckpoint())
                events.close()
                return not interruption.number
            if isinstance(event, Step):
                first = first or event
                if event.step % 10 == 0 or event.step == steps or steps <= 10:
                    done, spent = event.step - first.step, event.seconds - first.seconds
                    speed = f"{done * per_step / spent:,.0f}" if spent else "–"
                    progress.update(
                        bar, completed=event.step, loss=f"{event.loss:.3f}", speed=speed
                    )
            elif isinstance(event, Evaluating):
                progress.update(bar, validation=f"at {event.share:.0%}")
            elif isinstance(event, Evaluated):
                told = f"{event.loss:.4f}"
                if "exact" in event.scores:
                    told += f", {event.scores['exact']:.1%} exactly right"
                if event.old_loss is not None:
                    told += f", {event.old_loss:.4f} on the text of before"
                progress.update(bar, validation=told)
                if not console.is_terminal:
                    with contextlib.suppress(OSError):
                        console.print(f"step {event.step:,}: validation loss {told}")
            elif isinstance(event, Checkpoint):
                interruption.last_words = unfinished(event.step)
    return True


def unfinished(saved: int) -> str:
    """The sentence about a run that is ended in the middle of a step, `saved` being its last checkpoint."""
    return (
        f"Stopped in the middle of a step that takes long: --resume goes on from step {saved:,}, the last "
        "checkpoint."
    )


def _each(events: Generator[Event, Command | None, None]) -> Iterator[Event]:
    """Iterate over `events`; leaving the loop does not close them, so commands can still be sent."""
    while True:
        try:
            yield next(events)
        except StopIteration:
            return


@contextlib.contextmanager
def _shown(progress: Progress) -> Iterator[None]:
    """Show a progress bar. A terminal that is gone is no reason to end a run."""
    with contextlib.suppress(OSError):
        progress.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            progress.stop()
