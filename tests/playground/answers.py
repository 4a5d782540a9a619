"""What the handlers of the page are asked and how their answers are read, for the tests."""

import json
import math
import re

from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.settings import describe
from playground.tabs.actions import Actions

FOREIGN = [
    None,
    "",
    0,
    1.5,
    math.nan,
    True,
    [],
    ["a", "b"],
    {"run": 1},
    "x",
    "shipped:",
    "shipped:..",
    "shipped:../x",
    "shipped:/etc",
    "shipped:nothing",
    "shipped:.",
    "local:..",
    "local:../..",
    "local:../shipped/x",
    "local:a\x00b",
    "local:" + "a" * 5000,
    "local:texts",
    "other:thing",
    "\ud800",
    "local:\ud800",
    "<script>alert(1)</script>",
]
BAD_VALUES = [None, math.nan, math.inf, -math.inf, -1, 2**70, "", "64", "x", [], {}, True, 1.5]


DEEP = "local:decoder_transformer"


def refusal(answer: dict) -> str:
    """Why nothing was begun; nothing else is said then."""
    assert answer.keys() == {"error"}, answer
    return answer["error"]


# The command line's names of settings: the page has labels.
TYPED = re.compile(
    "|".join(sorted({n for rung in RUNGS.values() for n in rung.settings() if "_" in n}))
    + "|--[a-z]"
)


def assert_one_sentence(text: str) -> None:
    assert text and text.rstrip()[-1] in ".!" and "\n" not in text and len(text) < 400, text
    assert "Traceback" not in text
    assert not TYPED.search(text), text


def sendable(answer) -> str:
    """As it goes to the browser."""
    written = json.dumps(answer, ensure_ascii=False)
    written.encode("utf-8")
    return written


def sampling(**changed) -> list:
    """Values for the controls of Write."""
    defaults = {field.name: field.default for field in describe(SamplingConfig)}
    return list((defaults | {"max_new_tokens": 12} | changed).values())


def written(actions: Actions, token, prompt, step=None, **changed) -> dict:
    """The last answer of Write, without the request that it carries."""
    asked = {"run": token, "step": step, "pane": "a", "number": 7}
    *_, last = actions.write(asked, prompt, *sampling(**changed))
    sendable(last)
    assert last["done"] and last.pop("asked") == 7
    return last


def shortened(value) -> str:
    return repr(value)[:20]
