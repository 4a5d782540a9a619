"""playground → lm → torch, and nothing else: read from the source, not from the modules of one execution."""

import ast
import graphlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[2]
LM = sorted((ROOT / "lm").rglob("*.py"))
PLAYGROUND = sorted((ROOT / "playground").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
COMMAND_LINE = {  # the files of lm/ that may print
    *("__main__.py", "train_command.py", "runs_command.py", "sweep_command.py", "sweep_report.py"),
}
EARLY_RUNGS = ("ngram", "bigram", "single_head_attention", "multi_head_attention")
RUNGS = (*EARLY_RUNGS, "single_block_transformer", "decoder_transformer")


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=[str(p.relative_to(ROOT)) for p in paths])


@cache
def nodes(path):
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imported(path):
    """Full names of all that a file imports, also inside functions."""
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def called(path):
    """Names of all that a file calls: `print`, `torch.load`, `x.softmax` as `.softmax`."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield ast.unparse(node.func)
                yield "." + node.func.attr
            else:
                yield ast.unparse(node.func)


def packages(names):
    return {name.partition(".")[0] for name in names}


@each(LM)
def test_lm_imports_nothing_of_the_page(path):
    assert not packages(imported(path)) & {"gradio", "plotly", "playground", "matplotlib"}


@each([path for path in LM if path.name not in COMMAND_LINE])
def test_only_the_command_line_prints(path):
    calls = set(called(path))
    assert not calls & {"print", "click.echo", "sys.stdout.write", "sys.stderr.write"}


@each(PLAYGROUND)
def test_playground_does_no_model_mathematics(path):
    """It may name `nn.Module` as a type; it makes none, and computes nothing with one."""
    assert not {n for n in imported(path) if n.startswith(("torch.nn.", "torch.optim"))}
    sums = {".softmax", ".log_softmax", ".cross_entropy", ".backward", ".multinomial", ".matmul"}
    assert not [c for c in called(path) if c in sums or c.startswith(("nn.", "F.", "torch.nn"))]


@each(LM + PLAYGROUND)
def test_nothing_is_unpickled_or_evaluated(path):
    pickles = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert not packages(imported(path)) & pickles
    assert not set(called(path)) & {"torch.load", "torch.save", "eval", "exec"}
    loads = [call for call in called(path) if call in ("np.load", "numpy.load")]
    assert not loads or "allow_pickle=True" not in path.read_text("utf-8")


PRIVATE_NAME = re.compile(r"\b(?:torch|nn|F|optim)(?:\.\w+)*\._[a-z]\w*")
PRIVATE_METHODS = {
    name
    for base in (nn.Module, torch.optim.Optimizer, torch.Tensor)
    for name in dir(base)
    if re.match("_[a-z]", name)
}


@each(LM + PLAYGROUND + TESTS)
def test_no_private_name_of_torch_is_used(path):
    """Private names change without notice: neither called, as `torch` dot underscore, nor overridden."""
    assert not PRIVATE_NAME.findall(path.read_text("utf-8"))
    defined = {node.name for node in nodes(path) if isinstance(node, ast.FunctionDef)}
    assert not defined & PRIVATE_METHODS


@each(LM + PLAYGROUND)
def test_a_module_states_its_purpose(path):
    if path.read_text("utf-8").strip():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@each(LM + PLAYGROUND)
def test_a_module_has_one_subject(path):
    assert len(path.read_text("utf-8").splitlines()) < 400
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


@pytest.mark.parametrize("paths", [LM, PLAYGROUND], ids=["lm", "playground"])
def test_modules_read_in_one_direction(paths):
    """No module imports one that imports it, also not through others; a circle fails with its members."""
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in paths}
    modules = {name.removesuffix(".__init__"): path for name, path in names.items()}
    uses = {name: imported(path) & modules.keys() - {name} for name, path in modules.items()}
    for (
        name,
        used,
    ) in uses.items():  # a package's own __init__ comes with each import of its modules
        used -= {package for package in used if name.startswith(package + ".")}
    tuple(graphlib.TopologicalSorter(uses).static_order())


@each(LM + PLAYGROUND)
def test_an_interface_is_a_protocol_not_a_guess(path):
    assert "hasattr" not in set(called(path))


@each([ROOT / "lm" / "models" / f"{name}.py" for name in EARLY_RUNGS])
def test_an_early_rung_stands_alone(path):
    """It imports no other rung, and of the layers only attention weights and masks: its formula is there."""
    others = {f"lm.models.{name}" for name in RUNGS if name != path.stem}
    assert not imported(path) & others
    layers = {name for name in imported(path) if name.startswith("lm.layers")}
    assert all(name.startswith(("lm.layers.attention", "lm.layers.masks")) for name in layers)


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_importing_lm_does_nothing_to_torch():
    """No seed, no thread count, no web package, no output, whichever module is imported."""
    done = python(
        "import importlib, pkgutil, sys, torch\n"
        "before = torch.get_num_threads(), torch.initial_seed(), torch.get_rng_state().sum().item()\n"
        "import lm\n"
        "for module in pkgutil.walk_packages(lm.__path__, 'lm.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'lm.training.loop' in sys.modules\n"
        "assert before == (torch.get_num_threads(), torch.initial_seed(),"
        " torch.get_rng_state().sum().item())\n"
        "assert not {'gradio', 'plotly', 'playground'} & set(sys.modules)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_training_does_not_import_torchs_compiler(tmp_path):
    """Its 815 modules take two seconds to import; several parts of torch import it without using it."""
    text = tmp_path / "text.txt"
    text.write_text("to be, or not to be: that is the question\n" * 60)
    options = [
        *(f"--corpus={text}", f"--out={tmp_path / 'run'}", "--recipe=speedrun"),
        *("--n-embd=24", "--n-head=2", "--context-length=16", "--steps=2"),
    ]
    done = python(
        "import sys\n"
        "from lm.__main__ import main\n"
        f"main({['train', 'decoder_transformer', *options]}, standalone_mode=False)\n"
        "assert not [name for name in sys.modules if name.split('.')[1:] == ['_dynamo']]\n"
    )
    assert done.returncode == 0, done.stderr
