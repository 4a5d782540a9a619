"""A small copy of a run, to ship with the project: fewer snapshots, a byte for each weight, the curves, a card.

The card is a README.md in the run's folder: the recipe, the time, the loss, the date.
"""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import torch

from lm.baselines import Pairs
from lm.errors import Problem, RunProblem, SettingsProblem
from lm.runs import label, recording
from lm.runs.checksums import FIRST, as_line, at_end
from lm.runs.comparing import changes_told
from lm.runs.files import write_json, write_tensors, write_text
from lm.runs.format import plan_of
from lm.runs.new_folder import new_folder, size_of
from lm.runs.quantization import in_bytes
from lm.runs.run import Run
from lm.runs.zip_checks import CHAT
from lm.wording import duration


def pack(run: Run, out: Path, snapshots: int, note: str = "") -> int:
    """Copy a run for shipping: `snapshots` of its snapshots in 8 bits a weight, nothing to resume.

    The copy of a run that started from another holds all weights, and needs the other no more.

    Without snapshots it is a run to compare others with: its curves, settings and samples.

    Kept are the last, the first, the best, and those between that stand nearest to the cubes of equal steps:
    denser where a model learns fastest. The copy of a run in training is that of a run that has stopped
    there. Returns the size of the copy in bytes. `RunProblem` if `out` already exists; then, and after any
    other failure, nothing is left of the copy.
    """
    if snapshots < 0:
        raise SettingsProblem(f"Keep no snapshot or more, not {snapshots}.")
    with new_folder(out):
        _copy(run, out, snapshots, note)
    return size_of(out)


def _copy(run: Run, out: Path, snapshots: int, note: str) -> None:
    status, reason, step = run.status()
    if status in ("running", "paused"):
        status, reason = "stopped", f"This copy was made at step {step:,}, while the run trained."
    metrics, best = run.metrics(), run.best()
    keep = _kept(run.snapshots(), snapshots, best["step"] if best else None)
    if snapshots and not keep:
        raise RunProblem(f"{run.directory} holds no snapshot of the weights to pack.")
    (out / "snapshots").mkdir()
    for step in sorted(keep):
        path = run.snapshot_path(step)
        packed = in_bytes(run.snapshot(step))
        write_tensors(out / "snapshots" / path.name, packed, {"step": str(step)})
    lines: list[bytes] = []
    for line in metrics:
        if line["type"] != "snapshot" or line["step"] in keep:
            before = at_end(lines[-1]) if lines else FIRST
            lines.append(as_line(_for_the_curves(line), before))
    (out / "metrics.jsonl").write_bytes(b"".join(lines))
    record = run.record.without_places().model_copy(update={"note": note})
    write_json(out / "run.json", record.model_dump())
    own = run.record.tokenizer_checksum is None  # of an older run
    write_json(out / "tokenizer.json", run.tokenizer().to_json(), with_checksum=own)
    recording.write_status(out, status, metrics[-1]["step"] if metrics else 0, reason)
    if keep and (pairs := _pairs(run)):
        tensors = {"ids": torch.from_numpy(pairs.ids), "pairs": torch.from_numpy(pairs.table)}
        write_tensors(out / "counted.safetensors", tensors, {})
    label.copy(run.directory, out)
    write_text(out / "README.md", card(Run(out, record, plan_of(record, out)), note))
    kept = ("README.md", CHAT) if record.trained_elsewhere else (CHAT,)
    for name in kept:  # the licence of a model that others trained, and its chat template
        if (run.directory / name).exists():
            shutil.copyfile(run.directory / name, out / name)


def _pairs(run: Run) -> Pairs | None:
    """The counted pairs of a run; None if its text is not here."""
    with contextlib.suppress(Problem):
        return run.counted_pairs
    return None


def _kept(steps: list[int], snapshots: int, best: int | None) -> set[int]:
    """So many of the steps: the last, the first, the best, and between them denser at the beginning."""
    keep: set[int] = set()
    for first in (*steps[-1:], *steps[:1], best):
        if first is not None and len(keep) < snapshots:
            keep.add(first)
    for i in range(1, snapshots - 1):
        if len(keep) == snapshots:
            break
        wanted = steps[-1] * (i / (snapshots - 1)) ** 3 if steps else 0
        others = [(abs(step - wanted), step) for step in steps if step not in keep]
        keep.update(step for _, step in sorted(others)[:1])
    return keep


def _for_the_curves(line: dict[str, Any]) -> dict[str, Any]:
    """A line of metrics.jsonl; of a step, without its learning rate and gradient, which no chart shows."""
    if line["type"] != "step":
        return line
    return {name: line[name] for name in line if name not in ("learning_rate", "grad_norm")}


def card(run: Run, note: str = "") -> str:
    """What a person wants to know of a run, as Markdown: recipe, time, loss, date."""
    record, plan = run.record, run.plan
    evaluations = run.evaluations()
    recipe = None if record.changes else record.recipe or plan.recipe
    rows = [("recipe", recipe or "settings of its own")]
    if record.base is not None:
        about = f" ({record.base.note})" if record.base.note else ""
        rows.append(("started from", f"{record.base.title}, step {record.base.step:,}{about}"))
        rows.append(
            ("trained", f"{plan.start.way}: {record.trained or record.parameters:,} parameters")
        )
    if record.changes:
        rows.append(("went on", "; ".join(changes_told(record.changes))))
    if evaluations:
        last = evaluations[-1]
        steps, tokens = last["step"], last["step"] * record.tokens_per_step
        planned = f" of {plan.steps:,} planned" if steps < plan.steps else ""
        rows += [
            (
                "validation loss",
                f"{last['loss']:.4f} nats per character, {last['bits_per_char']:.4f} bits, "
                "over the whole split, before packing",
            ),
            (
                "training",
                f"{duration(last['seconds'])}, {steps:,} steps{planned}, {tokens:,} tokens",
            ),
        ]
        if "exact" in last.get("scores", {}):
            rows.insert(-1, ("held-out lines exactly right", f"{last['scores']['exact']:.1%}"))
        if (best := run.best()) and best["step"] != last["step"]:
            rows.append(("best snapshot", f"step {best['step']:,}, {best['loss']:.4f} nats"))
    settings = plan.values()
    rows += [
        ("text", f"{record.corpus.title}, {record.corpus.characters:,} characters"),
        ("parameters", f"{record.parameters:,}"),
        ("date", record.created[:10]),
        ("settings", ", ".join(f"{name} {value}" for name, value in settings.items())),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"# {plan.rung.title}\n\n{note + chr(10) * 2 if note else ''}| | |\n|---|---|\n{table}\n"
