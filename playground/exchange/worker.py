"""The process of one import or export (`jobs.py`): what it does, and what it tells of its progress.

Messages up the pipe: ("told", (sentence, share or None)), then ("done", result) or ("refused", sentence).
"""

import contextlib
import os
import re
import signal
import zipfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from lm.errors import Problem
from playground.training import processes

Tell = Callable[[str, float | None], None]


def work(pipe: Connection, name: str, folder: Path, *args: Any) -> None:
    """Do the work of a name and send what comes of it."""
    processes.obey(signal.SIGTERM, lambda: os._exit(0))  # its files are removed by the server
    with contextlib.suppress(OSError):
        os.nice(10)  # the page stays quick
    processes.exit_with_server(pipe)
    torch.set_num_threads(1)

    def tell(sentence: str, share: float | None = None) -> None:
        pipe.send(("told", (sentence, share)))

    try:
        result = WORKS[name](tell, folder, *args)
    except Problem as problem:
        pipe.send(("refused", as_told(str(problem), folder)))
    except OSError as error:
        pipe.send(("refused", f"The disk does not take it: {error.strerror or error}."))
    except Exception as error:  # the page must show it
        pipe.send(("refused", f"This met a fault of the program: {error!r}."))
    else:
        pipe.send(("done", result))


def as_told(sentence: str, folder: Path) -> str:
    """A sentence of the command line as the page says it: without this machine's paths and its flags."""
    sentence = re.sub(r"^The run cannot be written to .*?: ", "This cannot be written: ", sentence)
    files = str(folder / FILES)
    for path, words in {
        f"{files}{os.sep}{ARCHIVE}": "The file",
        f"{files}{os.sep}": "",
        files: "The upload",
        f"{folder}{os.sep}": "",
        str(folder): "The upload",
    }.items():
        sentence = sentence.replace(path, words)
    for flag, words in {
        "xport --to ": "xport as ",
        "--weights bfloat16": "bfloat16 weights",
        "with --tokenizer bpe": "with BPE tokens",
        "is no folder, no GGUF file and no name": "is no name",
        "or name a folder or a GGUF file": "or choose its files",
    }.items():
        sentence = sentence.replace(flag, words)
    return sentence


# Out


def exported(
    tell: Tell, folder: Path, directory: Path, kind: str, step: int | None, name: str
) -> str:
    """A run in a format as a zip file in the folder, with its card; returns the name of the file."""
    from lm.interchange import script, to_gguf, to_hugging_face, to_onnx
    from lm.runs import open_run

    run = open_run(directory)
    made = folder / "made"
    tell(f"Writing {name} as {kind}", None)
    if kind == "gguf":
        made.mkdir()
        to_gguf.write(run, made / f"{name}.gguf", step)
        (made / "README.md").write_text(to_hugging_face.card(run), "utf-8")
    else:
        formats = {"huggingface": to_hugging_face, "onnx": to_onnx, "script": script}
        formats[kind].write(run, made, step)
        if not (made / "README.md").exists():
            (made / "README.md").write_text(to_hugging_face.card(run), "utf-8")
    file = folder / f"{name}-{kind}.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        paths = sorted(path for path in made.rglob("*") if path.is_file())
        for number, path in enumerate(paths):
            tell(f"Packing {path.name}", number / len(paths))
            weights = path.stat().st_size > 1_000_000  # they do not get smaller by packing
            how = zipfile.ZIP_STORED if weights else zipfile.ZIP_DEFLATED
            archive.write(path, f"{name}/{path.relative_to(made)}", how)
            path.unlink()
    return file.name


# In


FILES = "files"  # the folder of what a visitor sent, in that of the job
ARCHIVE = "model.zip"  # a zip in it, whatever its name was


def imported(tell: Tell, folder: Path, out: Path, asked: dict[str, Any]) -> str:
    """A model as a run directory; returns its title. asked: of `imports.py`."""
    from playground.exchange import taking_in

    return taking_in.take(tell, folder / FILES, out, **asked)


WORKS: dict[str, Callable[..., Any]] = {"export": exported, "import": imported}
