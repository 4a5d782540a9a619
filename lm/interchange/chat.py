"""Chat: the template that turns a conversation into the text that a model was tuned on.

A template is written in Jinja, as those of Hugging Face are. It comes from strangers, so it is rendered in a
sandbox: it can use the messages and nothing else.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from lm.errors import RunProblem, SettingsProblem
from lm.runs.files import read_json
from lm.runs.run import Run
from lm.tokenizers import ImportedTokenizer, Tokenizer

FILE = "chat.json"  # in a run directory
Message = dict[str, str]  # "role": system, user or assistant; "content": text


class Chat(BaseModel):
    """A template, or None; and the texts of the tokens that begin and end a text, where there are some."""

    model_config = ConfigDict(frozen=True)
    template: str | None = None
    begin: str | None = None
    end: str | None = None

    def render(self, messages: Sequence[Message], answer: bool = True) -> str:
        """A conversation as a text; with `answer`, up to where the model's answer begins.

        `SettingsProblem` if there is no template, or it refuses the messages.
        """
        if self.template is None:
            raise SettingsProblem(
                "This model has no chat template: it goes on with a text. Leave --chat out."
            )
        world = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        world.globals["raise_exception"] = _refuse
        try:
            return world.from_string(self.template).render(
                messages=list(messages),
                add_generation_prompt=answer,
                bos_token=self.begin or "",
                eos_token=self.end or "",
            )
        except (TemplateError, SecurityError, TypeError, ValueError) as error:
            raise SettingsProblem(f"The chat template refuses these messages: {error}.") from None

    def end_id(self, tokenizer: Tokenizer) -> int | None:
        """The token after which a model has said all, if it is known."""
        if isinstance(tokenizer, ImportedTokenizer) and self.end is not None:
            return tokenizer.id_of(self.end)
        return None


def _refuse(reason: Any) -> NoReturn:
    """Templates call this for messages that they do not take."""
    raise TemplateError(str(reason).rstrip("."))


def has_template(run: Run) -> bool:
    """Whether a run has a chat template that can be read."""
    try:
        return chat_of(run).template is not None
    except RunProblem:
        return False


def chat_of(run: Run) -> Chat:
    """The chat of a run, without a template if it has none. `RunProblem` if its file is damaged."""
    path = run.directory / FILE
    if not path.exists():
        return Chat()
    try:
        return Chat.model_validate(read_json(path))
    except ValidationError:
        raise RunProblem(f"{path} is damaged: it holds no chat template.") from None
