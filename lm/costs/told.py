"""What training would take, in words: the rows of a table, and a sentence (`training.py`)."""

from lm.costs.published import SHEETS
from lm.costs.training import DAY, Memory, Take
from lm.wording import duration


def rows(take: Take) -> list[tuple[str, str]]:
    """A label and a value for each number."""
    cost, alone = take.cost, take.ddp
    again = ", each layer computed again" if take.recomputes else ""
    tokens = f"{large(cost.tokens)} to train on"
    if cost.tokens != cost.chinchilla:
        tokens += f"; 20 a parameter (Chinchilla) would be {large(cost.chinchilla)}"
    elif not cost.known_tokens:
        tokens = (
            f"{large(cost.tokens)}, 20 a parameter (Chinchilla); nobody has said how many it read"
        )
    parts = (
        ("weights", alone.weights),
        ("gradients", alone.gradients),
        ("the optimiser's averages", alone.optimizer),
        (f"a window of {cost.context_length:,} tokens{again}", alone.activations),
    )
    return [
        ("parameters", f"{cost.parameters:,}"),
        ("tokens", tokens),
        (
            "operations",
            f"{power(cost.six_nd)} by 6 N D, {power(cost.exact)} counted, with attention",
        ),
        ("memory", ", ".join(f"{name} {size(given)}" for name, given in parts)),
        ("on each, DDP", f"{size(alone.total)}, which {_fits(take, alone)}"),
        ("on each, FSDP", f"{size(take.fsdp.total)}, which {_fits(take, take.fsdp)}"),
        ("time", f"{days(take.days)} on {_gpus(take)}"),
    ]


def sentence(take: Take) -> str:
    """The result in one sentence, and where its rates come from."""
    cost, least = take.cost, take.least
    if least is None:
        room = f"no number of {take.processor.title} holds it, because one layer and one window are too large"
    elif least == 1:
        room = f"one {take.processor.title} holds it"
    else:
        room = f"it needs the memory of {least:,} {take.processor.title} at least"
    return (
        f"{cost.title} on {large(cost.tokens)} tokens takes {days(take.days)} on {_gpus(take)}, and {room}. "
        f"Reckoned with {take.utilisation:.0%} of {take.processor.rate / 1e12:,.0f} trillion operations a "
        f"second each ({SHEETS})."
    )


def large(number: float) -> str:
    """A number in words: 300 billion, 2.49 billion, 9.83 million, 1,200."""
    for least, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= least:
            return f"{float(f'{number / least:.3g}'):,g} {word}"
    return f"{number:,.0f}"


def power(number: float) -> str:
    """A very large number with three digits: 3.14e23."""
    return f"{number:.2e}".replace("e+", "e")


def size(count: float) -> str:
    """Bytes in words: 2.79 TB, 498 MB."""
    for least, word in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= least:
            return f"{float(f'{count / least:.3g}'):,g} {word}"
    return f"{count / 1e3:.0f} kB"


def days(count: float) -> str:
    """Days in words: 34 days, 5 h 20 min, 2 s, 1,200 years."""
    if count >= 2 * 365:
        return f"{count / 365:,.0f} years"
    return f"{count:.3g} days" if count >= 2 else duration(count * DAY)


def _gpus(take: Take) -> str:
    return f"{take.gpus:,} {take.processor.title}"


def _fits(take: Take, memory: Memory) -> str:
    held = size(take.processor.memory)
    return f"fits into {held}" if take.fits(memory) else f"does not fit into {held}"
