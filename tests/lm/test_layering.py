"""playground → lm → torch, and nothing else: read from the source, not from what happens to run."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LM = sorted((ROOT / "lm").rglob("*.py"))
PLAYGROUND = sorted((ROOT / "playground").rglob("*.py"))


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=[str(p.relative_to(ROOT)) for p in paths])


def imported(path):
    """Full names of all that a file imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def called(path):
    """Names of all that a file calls: `print`, `torch.load`, `x.softmax` as `.softmax`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield ast.unparse(node.func)
                yield "." + node.func.attr
            else:
                yield ast.unparse(node.func)


def packages(names):
    return {name.partition(".")[0] for name in names}


@each(LM)
def test_lm_knows_of_no_page(path):
    assert not packages(imported(path)) & {"gradio", "plotly", "playground", "matplotlib"}


@each([path for path in LM if path.name != "__main__.py"])
def test_lm_prints_nothing(path):
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


@each(LM + PLAYGROUND)
def test_a_module_says_what_it_is_for(path):
    if path.read_text("utf-8").strip():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@each(LM + PLAYGROUND)
def test_a_module_has_one_subject(path):
    assert len(path.read_text("utf-8").splitlines()) < 400
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_importing_lm_does_nothing_to_torch():
    """No seed, no thread count, no web package, no output."""
    code = (
        "import sys, torch\n"
        "before = torch.get_num_threads(), torch.initial_seed(), torch.get_rng_state().sum().item()\n"
        "import lm, lm.__main__, lm.recording, lm.inspection, lm.speed\n"
        "assert before == (torch.get_num_threads(), torch.initial_seed(),"
        " torch.get_rng_state().sum().item())\n"
        "assert not {'gradio', 'plotly', 'playground'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_run_does_not_wait_for_torchs_compiler(tmp_path):
    """It is 815 modules, and much of torch imports it without a need: its optimisers, its counters."""
    text = tmp_path / "text.txt"
    text.write_text("to be, or not to be: that is the question\n" * 60)
    settings = [
        "--n-embd=24",
        "--n-head=2",
        "--context-length=16",
        "--steps=2",
        "--recipe=speedrun",
    ]
    command = ["train", "decoder_transformer", f"--corpus={text}", f"--out={tmp_path / 'run'}"]
    code = (
        "import sys\n"
        "from lm.__main__ import main\n"
        "from lm.models import RUNGS\n"
        "from lm.speed import work_of\n"
        f"main({[*command, *settings]}, standalone_mode=False)\n"
        "[work_of(rung.plan(), 65) for rung in RUNGS.values()]\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@each([path for path in LM if "models" in path.parts and path.stem != "__init__"])
def test_an_early_rung_can_be_read_with_no_other_file_open(path):
    """From the transformer block on, the shared parts live in layers/."""
    uses_layers = any(name.startswith("lm.layers") for name in imported(path))
    early = path.stem in {"ngram", "bigram", "single_head_attention", "multi_head_attention"}
    assert not (early and uses_layers)
