"""A training run in the terminal: a progress bar, and Ctrl-C that saves the run before it ends."""

import contextlib
import signal
from collections.abc import Generator, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lm.runs.run import Run
from lm.training.events import Command, Evaluated, Event, Step, TakeCheckpoint


def watch(
    run: Run,
    events: Generator[Event, Command | None, None],
    console: Console,
    until_val_loss: float | None = None,
) -> bool:
    """Show a run's events until it ends or reaches `until_val_loss`; False if Ctrl-C ended it earlier.

    Ctrl-C takes effect after the current event and saves a checkpoint; a second Ctrl-C ends the process at
    once. `until_val_loss` is in nats per character.
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
    with Progress(*columns, console=console) as progress, _ctrl_c() as pressed:
        so_far = run.status()[2]
        bar = progress.add_task(
            "", total=steps, completed=so_far, loss="–", validation="–", speed="–"
        )
        for event in _each(events):
            if isinstance(event, Step):
                first = first or event
                if event.step % 10 == 0 or event.step == steps or steps <= 10:
                    done, spent = event.step - first.step, event.seconds - first.seconds
                    speed = f"{done * per_step / spent:,.0f}" if spent else "–"
                    progress.update(
                        bar, completed=event.step, loss=f"{event.loss:.3f}", speed=speed
                    )
            elif isinstance(event, Evaluated):
                progress.update(bar, validation=f"{event.loss:.4f}")
                if not console.is_terminal:
                    console.print(f"step {event.step:,}: validation loss {event.loss:.4f}")
            reached = (
                isinstance(event, Evaluated)
                and until_val_loss is not None
                and event.loss <= until_val_loss
                and event.step < steps
            )
            if reached or pressed:
                events.send(TakeCheckpoint())
                events.close()
                return not pressed
    return True


def _each(events: Generator[Event, Command | None, None]) -> Iterator[Event]:
    """Iterate over `events`; leaving the loop does not close them, so commands can still be sent."""
    while True:
        try:
            yield next(events)
        except StopIteration:
            return


@contextlib.contextmanager
def _ctrl_c() -> Iterator[list[bool]]:
    """A list that is empty until Ctrl-C is pressed."""
    pressed: list[bool] = []

    def note(number: int, frame: Any) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
