"""The guide of a tab: what "Do it" sets, and what a step's "What happened" says.

The steps are data (`guides/`); the strip that shows them is `components/tab/guide.js`. "Do it" fills controls
here; the strip then opens a view and presses a button, as a visitor would.
"""

import contextlib
from typing import Any

import gradio as gr

from lm.errors import Problem, SettingsProblem
from lm.generation import SamplingConfig
from lm.plan import Rung
from lm.runs.facts import text_key
from playground import controls
from playground.arguments import arguments
from playground.guides import Guide, Step, guide
from playground.runs.run_view import RunView
from playground.services import Services
from playground.tabs import pretrained
from playground.tabs.facts import compared, facts

SHORT = 5000  # characters of the text "short"
MOST_BEFORE = 8  # runs among which one to compare with is looked for
Answer = dict[str, Any]


class Guiding:
    """The handlers of one rung's guide."""

    def __init__(self, rung: Rung, services: Services) -> None:
        self.rung, self.services = rung, services
        self.guide = guide(rung.name) or Guide(step=())

    def shown(self) -> list[dict[str, Any]]:
        """The steps as the strip takes them."""
        return [
            {
                "id": step.id,
                "question": step.question,
                "try": step.try_,
                "view": step.do.view,
                "text": step.do.text,
                "chat": step.do.chat,
                "press": step.do.press,
                "run": step.do.run,
            }
            for step in self.guide.step
        ]

    def do(self, index: Any, corpus: Any, *values: Any) -> Answer:
        """The controls for a step: "settings", "write", "prompt", "corpus", "tokens", by their names.

        "open" is the token of a run to show; what is said here of its settings and text goes before its own.
        """
        try:
            step = self._step(index)
            return self._controls(step, str(corpus), values)
        except Problem as problem:
            return {"notice": str(problem)}

    def happened(self, data: Any) -> Answer:
        """{"text"}: what came of a step.

        The strip sends [step, token of the run shown, [token of each that was shown before, the last first]].
        """
        index, token, before = arguments(data, None, "", [])
        try:
            step = self._step(index)
            view = self._view(token)
            if view is None:
                return {"text": step.told({})}
            record = view.run.record
            own = record.spells_characters or pretrained.is_one(self.rung)
            if not own and step.do.tokens is None:
                return {
                    "text": f"This guide tells of characters, and the run has {record.vocab_size:,} pieces: "
                    "choose characters under Tokens, and train."
                }
            found = facts(view, self._view(self.services.library.shipped(self.rung.name)))
            earlier = before[:MOST_BEFORE] if isinstance(before, list) else []
            return {"text": step.told(found | self._compared(step, view, earlier))}
        except Problem as problem:
            return {"text": str(problem)}

    def _step(self, index: Any) -> Step:
        if isinstance(index, int) and 0 <= index < len(self.guide.step):
            return self.guide.step[index]
        raise SettingsProblem("The guide has no such step.")

    def _compared(self, step: Step, view: RunView, before: list[Any]) -> Answer:
        """What the setting of a step changed, by the last run from which this one differs in that alone."""
        if step.compares is None:
            return {}
        for token in before:
            if (other := self._view(token)) and (found := compared(view, other, step.compares)):
                return found
        return {}

    def _view(self, token: Any) -> RunView | None:
        with contextlib.suppress(Problem):
            view = self.services.library.view(str(token))
            view.refresh()
            if view.run.record.model == self.rung.name:
                return view
        return None

    def _controls(self, step: Step, corpus: str, values: tuple[Any, ...]) -> Answer:
        do, answer = step.do, dict[str, Any]()
        shipped = self.services.library.shipped(self.rung.name)
        if do.run and shipped:
            answer["open"] = shipped
            answer["corpus"] = text_key(self.services.library.view(shipped).run.record.corpus)
        if do.recipe or do.set:
            now = dict(zip(self.rung.settings(), values, strict=True))
            base = now
            if do.recipe:
                wanted = self.rung.plan(do.recipe)
                seed = {"seed": now["seed"]} if "seed" in now else {}
                base = dict(zip(now, controls.values_of(wanted), strict=True)) | seed
            answer["settings"] = base | do.set
        if tokens := do.wanted_tokens:
            answer["tokens"] = tokens
        if do.corpus:
            answer["corpus"] = self._text(do.corpus, corpus)
        if do.prompt is not None:
            answer["prompt"] = do.prompt
        if do.write:
            checked = SamplingConfig.make(**do.write).model_dump()
            answer["write"] = {name: checked[name] for name in do.write}
        return answer | {"notice": ""}

    def _text(self, wanted: str, now: str) -> str:
        """The key of the text that a step wants; "short" is the beginning of the text in use."""
        if wanted != "short":
            return wanted
        whole = self.services.texts.get_or_synthetic(now)[1].corpus.text
        if len(whole) <= SHORT:
            return now
        return self.services.texts.add(whole[:SHORT].encode())


def update(
    answer: Answer, parts: dict[str, Any], settings: dict[str, Any], write: dict[str, Any]
) -> Any:
    """An answer of `Guiding.do` as updates of components."""
    updates = {
        parts[name]: answer[name] for name in ("prompt", "corpus", "tokens") if name in answer
    }
    values = answer.get("settings", {})
    updates |= {control: values[name] for name, control in settings.items() if name in values}
    updates |= {write[name]: value for name, value in answer.get("write", {}).items()}
    said = answer.get("notice", "")
    updates[parts["notice"]] = gr.update(value=said, visible=bool(said))
    return updates
