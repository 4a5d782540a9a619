"""A run as a graph for onnxruntime: rows and length are free, up to the context length.

torch writes the graph from the model itself, with the optional packages `onnx` and `onnxscript`. Every network
has its graph, also those that no other format can express; counted n-grams have none.
"""

import contextlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lm.errors import RunProblem, SettingsProblem
from lm.interchange.to_hugging_face import card, standard_json
from lm.layers import SelfAttention
from lm.models.ngram import Level
from lm.rewriting import Encoding
from lm.runs.new_folder import new_folder, size_of
from lm.runs.run import Run

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"
LARGEST = 1_500_000_000  # bytes of weights in the file of the graph; those of more lie beside it


def write(run: Run, out: Path, step: int | None = None) -> int:
    """Write a run at a snapshot into a new folder; returns its size in bytes.

    `SettingsProblem` for a model with counts. `RunProblem` without the packages, if the folder is not new, or
    on a full disk; then nothing is left of it.
    """
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise RunProblem(
                "ONNX files need the packages onnx and onnxscript: install them with "
                "`pip install onnx onnxscript`."
            )
    with new_folder(out):
        model, tokenizer = run.model(step)[0].float(), run.tokenizer()
        write_graph(model, run.plan.context_length, out / GRAPH)
        contents = json.dumps(standard_json(tokenizer), ensure_ascii=False, indent=1)
        (out / TOKENIZER).write_text(contents, "utf-8")
        (out / "README.md").write_text(card(run), "utf-8")
    return size_of(out)


def write_graph(model: nn.Module, context_length: int, path: Path) -> None:
    """A model as a graph: "tokens" (B, T) to "scores" (B, T, V); "source" (B, S), too, if it has an encoder.

    `SettingsProblem` for a model with counts.
    """
    for part in model.modules():
        if isinstance(part, Level):
            raise SettingsProblem(
                "A graph cannot hold counted n-grams, because each context has another number of them: export "
                "a run without them (ngram_share 0), or the run itself as a zip file."
            )
        if isinstance(part, SelfAttention):
            part.window = None  # the graph is the same for any length: with a mask, not in blocks
    names = ["tokens", *(["source"] if isinstance(model, Encoding) else [])]
    most = context_length
    length = min(3, most)
    rows = torch.export.Dim("rows")
    shapes: list[dict[int, Any]] = []
    for name in names:
        free = {0: rows}
        if most > 1:
            free[1] = torch.export.Dim(f"{name}_length", min=1, max=most)
        shapes.append(free)
    given: tuple[Tensor, ...] = tuple(torch.zeros(2, length, dtype=torch.int64) for _ in names)
    size = sum(one.numel() * one.element_size() for one in model.parameters())
    with warnings.catch_warnings(), _quiet(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            given,
            path,
            input_names=names,
            output_names=["scores"],
            dynamic_shapes=tuple(shapes),
            external_data=size > LARGEST,
            dynamo=True,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's lines about packages that no model here needs, such as torchvision."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
