"""The Runs tab's data: every run that a visitor may see, what differs among them, and what that bought.

Facts, differences and verdicts are those of `lm/runs/`; here they become plain data for the page, and tokens
become runs. A token comes from the page, so it always goes through the library, which knows who may see what.
"""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from lm.errors import Problem, SettingsProblem
from lm.ladder import RUNGS
from lm.runs import label, lock
from lm.runs.comparing import changes_told, differences, differences_of, unit, value, verdict
from lm.runs.facts import Facts
from lm.runs.format import imported_title
from lm.runs.listing import Listing
from lm.settings import describe
from lm.tokenizers import ImportedTokenizerConfig
from playground.arguments import polled, sendable
from playground.runs.library import INCLUDED, Library
from playground.runs.trash import Trash

MOST_TICKED = 10  # runs that are compared at once, as in components/runs/ticks.js
MOST_OWN = 500  # tokens of its own runs that a browser may send
MOST_LISTED = 1000
IMPORTED = ImportedTokenizerConfig().tokenizer  # of models that others trained
FEW = 3  # differences from the usual settings that are told; the others are counted
Answer = dict[str, Any]


class Comparison:
    """Lists, compares, renames and deletes runs; `Problem`s say why something is refused."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.supervisor = library.supervisor
        self.listing = Listing()
        self.trash = Trash(library.runs_folder)
        self._writing = threading.Lock()  # a name and a note are read and written together
        self._words: dict[str, tuple[Facts, Facts | None, list[str]]] = {}  # what differs, by token

    # The list

    def runs(self, own: Sequence[str]) -> tuple[dict[str, Facts], list[str]]:
        """The runs that a visitor may see, by token, the newest first; and sentences on those that are damaged.

        own: tokens of runs that the visitor's browser remembers. Where strangers share the page, these and
        the included runs are all that it shows.
        """
        listed = self.listing.of(*self.library.open_folders())
        found = {self.library.token_for(one.directory): one for one in listed.runs}
        problems = list(listed.problems.values())
        if not self.library.open_local:
            for token in own[:MOST_OWN]:
                directory = self.library.own_directory(token)
                told = self.listing.one(directory) if directory else None
                if isinstance(told, Facts):
                    found[token] = told
        newest = sorted(found.items(), key=lambda item: item[1].created, reverse=True)
        return dict(newest[:MOST_LISTED]), problems

    def count(self) -> int:
        """How many runs everybody sees."""
        return len(self.runs([])[0])

    def table(self, asked: Any) -> Answer:
        """The list, for the page, which asks for it every few seconds with
        {"own": tokens, "ticked": tokens, "version": of its list, "undo": keys of deleted runs}.

        Answers {"version", "runs": rows, "first": the token of the one that the others are compared with,
        "said": the verdicts, "problems": sentences}, or {} if the page has that version.
        """
        own, ticked = texts(asked, "own", MOST_OWN), texts(asked, "ticked", MOST_TICKED)
        self.trash.keep(texts(asked, "undo", MOST_OWN))
        self.supervisor.forget(self.trash.sweep())
        runs, problems = self.runs(own)
        if len(self._words) > 2 * MOST_LISTED:
            self._words.clear()
        ticked = [token for one in ticked if (token := self._listed(one)) in runs]
        first = ticked[0] if ticked else None
        base = runs[first] if first else None
        told = {
            "runs": [self._row(token, one, base) for token, one in runs.items()],
            "first": first,
            "said": [
                {"run": other, "text": verdict(base, runs[other])} for other in ticked[1:] if base
            ],
            "problems": problems[:20],
        }
        version = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
        if isinstance(asked, dict) and asked.get("version") == version:
            return {}
        return told | {"version": version}

    def _listed(self, token: str) -> str:
        """The token under which the list has a run that the page may know by the one that commands it."""
        if self.library.open_local and ":" not in token:
            directory = self.library.own_directory(token)
            return self.library.token_for(directory) if directory else token
        return token

    def _row(self, token: str, run: Facts, first: Facts | None) -> Answer:
        """One run, as components/runs/words.js writes it; first: the one that it is compared with."""
        status, _ = self._status(token, run)
        return {
            "run": token,
            "model": run.model,
            "model_title": run.model_title,
            "model_number": list(RUNGS).index(run.model) if run.model in RUNGS else len(RUNGS),
            "name": run.name,
            "note": run.note,
            "recipe": run.recipe,
            "what": self._what(token, first, run),
            "text": run.text,
            "text_id": run.text_sha256[:16],
            "tokens": run.tokens,
            "best": run.best.loss if run.best else None,
            "unit": unit(run.plan),
            "last": run.last.loss if run.last else None,
            "right": run.right,
            "parameters": run.parameters,
            "tokens_per_step": run.tokens_per_step,
            "tokens_seen": run.tokens_seen,
            "seconds": round(run.seconds, 1),
            "step": run.step,
            "steps": run.steps,
            "status": status,
            "created": run.created,
            "changeable": not token.startswith(INCLUDED),
        }

    def _what(self, token: str, first: Facts | None, run: Facts) -> list[str]:
        """`what_differs`, worked out again only if one of the two has changed since the last time."""
        known = self._words.get(token)
        if known is None or known[0] is not run or known[1] is not first:
            known = self._words[token] = run, first, what_differs(first, run)
        return known[2]

    def _status(self, token: str, run: Facts) -> tuple[str, str | None]:
        """The status of a run, also of one that waits in this server's queue."""
        known = self.supervisor.status(self.library.token_of(token))
        return known or (run.status, run.reason)

    def poll(self, asked: Any) -> list[Answer]:
        """The news of several runs: [[token, start, start of events], ...], as `Actions.poll` of one."""
        asked = asked if isinstance(asked, list) else []
        return [self.library.answer(*polled(one)) for one in asked[: 2 * MOST_TICKED]]

    # What a person writes, deletes, and takes back

    def rename(self, asked: Any) -> None:
        """Give a run a name, or a note: {"run", "field": "name" or "note", "words"}."""
        asked = asked if isinstance(asked, dict) else {}
        field, words = asked.get("field"), asked.get("words")
        if field not in ("name", "note") or not isinstance(words, str):
            raise SettingsProblem("A run is given a name or a note.")
        token = sendable(asked.get("run"))
        if token.startswith(INCLUDED):
            raise SettingsProblem("An included run keeps its name and note.")
        directory = self.library.directory(token)
        with self._writing:
            known = label.read(directory)[0]
            label.write(directory, **{"name": known.name, "note": known.note, field: words})

    def delete(self, asked: Any) -> Answer:
        """Delete runs: {"runs": tokens}. Answers {"deleted": [{"run", "undo": key}], "said": a sentence}."""
        deleted, kept = [], []
        for token in texts(asked, "runs", MOST_LISTED):
            try:
                deleted.append({"run": token, "undo": self._delete(token)})
            except Problem as problem:
                kept.append(str(problem))
        done = f"{counted(len(deleted))} deleted." if deleted else ""
        return {"deleted": deleted, "said": " ".join([done, *dict.fromkeys(kept)]).strip()}

    def _delete(self, token: str) -> str:
        if token.startswith(INCLUDED):
            raise SettingsProblem("Included runs cannot be deleted.")
        directory = self.library.directory(token)
        live = self.supervisor.is_live(self.library.token_of(token))
        if live or lock.writer(directory) is not None:
            raise SettingsProblem("A run in training cannot be deleted: stop it first.")
        return self.trash.put(directory)

    def restore(self, asked: Any) -> None:
        """Take a deletion back: {"undo": its key}."""
        keys = texts({"keys": [asked.get("undo")]} if isinstance(asked, dict) else {}, "keys", 1)
        self.trash.restore(keys[0] if keys else "")

    # Their settings

    def settings(self, asked: Any) -> Answer:
        """The settings of ticked runs side by side: {"own", "ticked"}.

        Answers {"runs": the ticked ones that are there, "rows"}; a row is {"title", "values": one for each of
        these runs, None where its model has no such setting, "differs"}.
        """
        runs, _ = self.runs(texts(asked, "own", MOST_OWN))
        ticked = [one for one in texts(asked, "ticked", MOST_TICKED) if one in runs]
        columns = [settings_of(runs[one]) for one in ticked]
        titles = dict.fromkeys(title for column in columns for title in column)
        rows = [(title, [column.get(title) for column in columns]) for title in titles]
        told = [{"title": t, "values": v, "differs": len(set(v)) > 1} for t, v in rows]
        return {"runs": ticked, "rows": told}


def what_differs(first: Facts | None, run: Facts) -> list[str]:
    """What tells a run from the first one, in words; its recipe, if no more is to be told.

    Of another model, whose column is beside these words, the many settings of its own are no news: it is told
    by its recipe, or from its model's usual settings. So is the first one, or any if there is none.
    """
    if run.plan.tokenizer.tokenizer == IMPORTED and not run.plan.start.tunes:
        return [imported_title(run.note)]
    if first is None or first.directory == run.directory:
        return _own_words(run)
    told = differences_of(first, run)
    if first.model != run.model:
        told = [one for one in told if one.startswith(("text ", "tokens "))] + _own_words(run)
    told = [f"on {run.text}" if one.startswith("text ") else one for one in told]
    return told or _own_words(run)


def _own_words(run: Facts) -> list[str]:
    """The recipe of a run, or the first things in which it differs from its model's usual settings."""
    if run.recipe:
        return [run.recipe]
    usual = differences(run.plan.rung.plan(), run.plan)
    more = len(usual) - FEW
    return [*usual[:FEW], f"{more} more"] if more > 1 else usual


def settings_of(run: Facts) -> dict[str, str]:
    """Every setting of a run in words, by title, with the text and the size."""
    told = {"Model": run.model_title, "Text": run.text, "Tokens": run.tokens}
    told |= {"Parameters": f"{run.parameters:,}"}
    for part in run.plan.parts.values():
        values = part.model_dump()
        for field in describe(type(part)):
            if field.kind != "choice" or len(field.choices) > 1:
                told[field.title] = value(values[field.name])
    if run.changes:
        told["Changed while it trained"] = "; ".join(changes_told(run.changes))
    return told


def texts(asked: Any, name: str, most: int) -> list[str]:
    """The texts in a list of a question from the page; none if it is not such a list."""
    found = asked.get(name) if isinstance(asked, Mapping) else None
    found = found if isinstance(found, list) else []
    return [sendable(one) for one in found[:most] if isinstance(one, str) and len(one) < 600]


def counted(n: int) -> str:
    """ "1 run", "2 runs"."""
    return f"{n} run{'' if n == 1 else 's'}"
