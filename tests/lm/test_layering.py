"""playground → lm → torch, and nothing else: read from the source, not from the modules of one execution."""

import ast
import graphlib
import importlib
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
COMMANDS = ROOT / "lm" / "commands"  # with `lm/__main__.py`, the files of lm/ that may print
EARLY_RUNGS = ("ngram", "bigram", "single_head_attention", "multi_head_attention")
RUNGS = (*EARLY_RUNGS, "single_block_transformer", "decoder_transformer")


def breaking(paths, broken):
    """The files for which `broken(path)` is true. A case for each file and rule took longer than all rules."""
    return [str(path.relative_to(ROOT)) for path in paths if broken(path)]


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


def test_lm_imports_nothing_of_the_page():
    page = {"gradio", "plotly", "playground", "matplotlib"}
    assert not breaking(LM, lambda path: packages(imported(path)) & page)


def test_only_the_command_line_prints():
    prints = {"print", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    others = [path for path in LM if path.parent != COMMANDS and path.name != "__main__.py"]
    assert not breaking(others, lambda path: set(called(path)) & prints)


def test_playground_does_no_model_mathematics():
    """It may name `nn.Module` as a type; it makes none, and computes nothing with one."""
    sums = {".softmax", ".log_softmax", ".cross_entropy", ".backward", ".multinomial", ".matmul"}
    modules = ("torch.nn.", "torch.optim")
    assert not breaking(PLAYGROUND, lambda path: any(n.startswith(modules) for n in imported(path)))
    layers = ("nn.", "F.", "torch.nn")
    assert not breaking(
        PLAYGROUND, lambda path: any(c in sums or c.startswith(layers) for c in called(path))
    )


def test_nothing_is_unpickled_or_evaluated():
    pickles = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    calls = {"torch.load", "torch.save", "eval", "exec"}
    loads = {"np.load", "numpy.load"}
    assert not breaking(LM + PLAYGROUND, lambda path: packages(imported(path)) & pickles)
    assert not breaking(LM + PLAYGROUND, lambda path: set(called(path)) & calls)
    assert not breaking(
        LM + PLAYGROUND,
        lambda path: set(called(path)) & loads and "allow_pickle=True" in path.read_text("utf-8"),
    )


PRIVATE_NAME = re.compile(r"\b(?:torch|nn|F|optim)(?:\.\w+)*\._[a-z]\w*")
PRIVATE_METHODS = {
    name
    for base in (nn.Module, torch.optim.Optimizer, torch.Tensor)
    for name in dir(base)
    if re.match("_[a-z]", name)
}


def test_no_private_name_of_torch_is_used():
    """Private names change without notice: neither called, as `torch` dot underscore, nor overridden."""
    every = LM + PLAYGROUND + TESTS
    assert not breaking(every, lambda path: PRIVATE_NAME.search(path.read_text("utf-8")))
    assert not breaking(
        every,
        lambda path: any(
            isinstance(node, ast.FunctionDef) and node.name in PRIVATE_METHODS
            for node in nodes(path)
        ),
    )


def test_a_module_states_its_purpose():
    assert not breaking(
        LM + PLAYGROUND,
        lambda path: nodes(path)[0].body and not ast.get_docstring(nodes(path)[0]),
    )


def test_a_module_has_one_subject():
    every = LM + PLAYGROUND
    assert not breaking(every, lambda path: len(path.read_text("utf-8").splitlines()) >= 400)
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not breaking(every, lambda path: path.stem in vague)


# A shape may stand there, and nothing else.
BROKEN_BY_A_COMMENT = re.compile(r"""^ *[])}][^\n#"']*  # (?!\(.*\)$)""", re.MULTILINE)


def test_a_comment_does_not_break_its_code_over_lines():
    """The formatter breaks code whose comment is too long for the line: such a comment stands above."""
    every = LM + PLAYGROUND + TESTS
    assert not breaking(every, lambda path: BROKEN_BY_A_COMMENT.search(path.read_text("utf-8")))


@pytest.mark.parametrize("paths", [LM, PLAYGROUND], ids=["lm", "playground"])
def test_modules_read_in_one_direction(paths):
    """No module imports one that imports it, also not through others; a circle fails with its members."""
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in paths}
    modules = {name.removesuffix(".__init__"): path for name, path in names.items()}
    uses = {name: imported(path) & modules.keys() - {name} for name, path in modules.items()}
    # A package's own __init__ comes with each import of its modules.
    for name, used in uses.items():
        used -= {package for package in used if name.startswith(package + ".")}
    tuple(graphlib.TopologicalSorter(uses).static_order())


def test_only_the_page_imports_its_tabs():
    """What a tab uses, such as runs and training, can be read without it."""
    tabs = ROOT / "playground" / "tabs"
    others = [p for p in PLAYGROUND if tabs not in p.parents and p.name != "app.py"]
    assert not breaking(
        others, lambda path: any(one.startswith("playground.tabs") for one in imported(path))
    )


def test_an_interface_is_a_protocol_not_a_guess():
    assert not breaking(LM + PLAYGROUND, lambda path: "hasattr" in set(called(path)))


def interfaces():
    """All classes that `isinstance` knows by their members."""
    for path in LM + PLAYGROUND:
        for node in nodes(path):
            decorators = map(ast.unparse, getattr(node, "decorator_list", ()))
            if any("runtime_checkable" in one for one in decorators):
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield getattr(importlib.import_module(name), node.name)


def has_data(interface):
    """Whether a member is no method, its own or an inherited one: `issubclass` refuses such an interface."""
    try:
        issubclass(object, interface)
    except TypeError:
        return True
    return False


def test_no_interface_is_known_by_a_tensor():
    """From Python 3.12 on `isinstance` does not see buffers and parameters: no part would be found.

    It does see the integers of a module, and whatever another object has.
    """
    integers, no_module = {"Given", "Nearsighted"}, {"SharedOut"}
    assert {one.__name__ for one in interfaces() if has_data(one)} == integers | no_module


@pytest.mark.parametrize("name", EARLY_RUNGS)
def test_an_early_rung_stands_alone(name):
    """It imports no other rung, and of the layers only attention weights and masks: its formula is there."""
    path = ROOT / "lm" / "models" / f"{name}.py"
    others = {f"lm.models.{other}" for other in RUNGS if other != name}
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
