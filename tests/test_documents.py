"""README, CONTRIBUTING and the benchmarks' README are true: paths exist, commands parse, examples run."""

import importlib
import math
import re
import shlex
import sys
import textwrap
import types
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner
from packaging.specifiers import SpecifierSet

import lm
import playground
from lm import corpora, tasks
from lm.__main__ import main as lm_command
from lm.layers import SelfAttention, masks, pattern
from lm.plan import Rung
from lm.training.config import TrainingConfig
from lm.training.events import Step
from lm.training.loop import train
from playground.serving.server import main as playground_command

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "playground/hosting/README.md",
    "tests/benchmarks/README.md",
)
TEXTS = {name: (ROOT / name).read_text("utf-8") for name in DOCUMENTS}
CONTRIBUTING = TEXTS["CONTRIBUTING.md"]

# `lm/…`, `.ci/run` or `CONTRIBUTING.md`, but no `checkpoints/RUN`: that is a place for a name of one's own.
PATH = re.compile(
    r"(?:(?:lm|playground|tests|checkpoints|\.ci)/[\w./-]*|[A-Z]+\.md|pyproject\.toml)"
)
INLINE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"python3? -m ((?:lm|playground|tests)[\w.]*)(.*)")
MADE_BY_THE_READER = ("trigram", "checkpoints/local/")  # by the examples, and by the commands


def prose(text: str) -> str:
    """The text without its code blocks."""
    return BLOCK.sub("", text)


def example(language: str, first_words: str) -> str:
    """The code block of CONTRIBUTING that begins with these words."""
    blocks = [textwrap.dedent(code) for kind, code in code_blocks(CONTRIBUTING) if kind == language]
    return next(code for code in blocks if code.startswith(first_words))


def code_blocks(text: str) -> list[tuple[str, str]]:
    """(language, code) of each code block."""
    return [(kind, code) for _, kind, code in BLOCK.findall(text)]


def paths(text: str) -> list[str]:
    """The project paths between backticks."""
    found = [span for span in INLINE.findall(prose(text)) if PATH.fullmatch(span)]
    named = [path for path in found if not re.search(r"/[A-Z]+$", path)]
    return [path for path in named if not any(part in path for part in MADE_BY_THE_READER)]


def commands(text: str) -> list[tuple[str, list[str]]]:
    """(module, arguments) of each `python -m …` of this project, in code blocks and between backticks."""
    lines = [line for kind, code in code_blocks(text) if kind == "sh" for line in code.splitlines()]
    found = [COMMAND.search(line) for line in lines + INLINE.findall(prose(text))]
    parsed = [(match[1], shlex.split(match[2], comments=True)) for match in found if match]
    return [(module, arguments) for module, arguments in parsed if "trigram" not in arguments]


def entry(module: str) -> click.Command:
    """The command that `python -m module` runs."""
    known = {"lm": lm_command, "playground": playground_command}
    return known.get(module) or importlib.import_module(module).main


@pytest.mark.parametrize("package", [lm, playground])
def test_the_list_at_the_head_of_a_package_names_each_file_and_folder(package):
    entries = [p for p in Path(package.__file__).parent.glob("[a-z]*") if p.suffix != ".md"]
    names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries]
    assert [name for name in names if name not in package.__doc__] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document: str) -> None:
    """A file that was moved or renamed leaves no old name in the documents."""
    assert [path for path in paths(TEXTS[document]) if not (ROOT / path).exists()] == []


def test_paths_and_commands_are_found() -> None:
    """Else the tests of them could pass by finding none."""
    assert len(set(paths(CONTRIBUTING))) > 40
    assert "lm/layers/masks.py" in paths(CONTRIBUTING)
    assert "lm/runs/run.py" in paths(TEXTS["README.md"])
    modules = [module for name in DOCUMENTS for module, _ in commands(TEXTS[name])]
    assert modules.count("lm") > 8 and "playground" in modules
    assert "tests.benchmarks.speedrun" in modules


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_parses(document: str) -> None:
    """With --help added: a command, model or flag that does not exist is an error before the help."""
    for module, arguments in commands(TEXTS[document]):
        known = ["bigram" if argument == "MODEL" else argument for argument in arguments]
        result = CliRunner().invoke(entry(module), [*known, "--help"])
        assert result.exit_code == 0, f"{module} {' '.join(arguments)}: {result.output}"


def test_an_unknown_flag_would_be_noticed() -> None:
    for arguments in (["train", "bigram", "--no-such-flag"], ["train", "no_such_model"]):
        assert CliRunner().invoke(lm_command, [*arguments, "--help"]).exit_code != 0


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_exists(document: str) -> None:
    targets = re.findall(r"\]\(([^)\s:]+)\)", TEXTS[document])
    assert [
        target for target in targets if not (ROOT / document).parent.joinpath(target).exists()
    ] == []


def test_a_space_can_read_the_front_matter() -> None:
    """It stands first in the README, names the entry, and the version of Gradio that is installed here."""
    _, front, _ = TEXTS["README.md"].split("---\n", 2)
    assert TEXTS["README.md"].startswith("---\n")
    fields = dict(re.findall(r'^(\w+): "?([^"\n]+)"?$', front, re.MULTILINE))
    assert fields["sdk"] == "gradio" and (ROOT / fields["app_file"]).is_file()
    assert f"gradio=={fields['sdk_version']}\n" in (ROOT / "requirements.txt").read_text("utf-8")


@pytest.mark.parametrize("host", ["cpu", "zerogpu"])
def test_the_torch_of_each_host_is_one_that_the_requirements_allow(host: str) -> None:
    """Else pip would replace it by another, which the host cannot use."""
    (allowed,) = re.findall(r"^torch(.+)$", (ROOT / "requirements.txt").read_text("utf-8"), re.M)
    named = (ROOT / f"playground/hosting/torch-{host}.txt").read_text("utf-8")
    (version,) = re.findall(r"^torch==(.+)$", named, re.M)
    assert version in SpecifierSet(allowed)


@pytest.fixture
def trigram(monkeypatch) -> Rung:
    """The rung that "Adding a model" adds, made of its two code blocks."""
    module = types.ModuleType("lm.models.trigram")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(example("python", '"""A toy rung'), module.__dict__)
    names = module.__dict__ | {"Rung": Rung, "TrainingConfig": TrainingConfig}
    return eval(example("python", "Rung("), names)


def test_the_model_that_contributing_adds_can_be_trained(trigram) -> None:
    """It is complete as printed: its first loss is that of knowing nothing, and it learns."""
    data = tasks.text_data(
        corpora.from_text(corpora.load("synthetic_plays").text[:5000], name="play")
    )
    events = train(trigram.plan(steps=60, warmup_steps=5, evaluate_every=60), data)
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert losses[0] == pytest.approx(math.log(data.tokenizer.vocab_size), abs=0.1)
    assert losses[-1] < losses[0] - 0.5


def test_the_model_that_contributing_adds_looks_at_two_characters(trigram) -> None:
    torch.manual_seed(0)
    model = trigram.model(trigram.config(), 9)
    tokens = torch.tensor([[1, 2, 3, 4], [8, 2, 3, 5]])
    same = torch.isclose(*model(tokens)).all(dim=-1)  # (T,)
    assert same.tolist() == [False, False, True, False]


def test_the_mask_that_contributing_adds_is_what_attention_uses_and_shows() -> None:
    """Attention gives no weight where it forbids, and hands it out for the page to paint."""
    names = dict(vars(masks))
    exec(example("python", "def windowed("), names)
    mask = names["windowed"](5, 3)
    near = [[0 <= t - s <= 2 for s in range(5)] for t in range(5)]
    assert masks.allowed(mask).tolist() == near
    torch.manual_seed(0)
    weights, shown = pattern(SelfAttention(8, 2, mask), torch.randn(1, 5, 8))
    assert torch.equal(shown, mask)
    assert ((weights > 0) == torch.tensor(near)).all()
