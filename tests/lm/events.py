"""Events of a training run as data that tests can compare."""

import dataclasses

from lm.training.events import Checkpoint


def plain(event):
    """An event as data that can be compared: tensors copied, times left out."""
    if isinstance(event, Checkpoint):
        event = dataclasses.replace(
            event,
            weights={name: t.tolist() for name, t in event.weights.items()},
            optimizer={name: t.tolist() for name, t in event.optimizer.items()},
        )
    return dataclasses.replace(event, seconds=0.0) if hasattr(event, "seconds") else event


def told(events):
    return [plain(event) for event in events]
