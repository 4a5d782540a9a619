"""Command-line flags made from the fields of config classes; none is written by hand."""

from collections.abc import Callable, Iterable
from typing import Any

import click

from lm.errors import SettingsProblem
from lm.settings import Setting


class OneForEachModel(click.Group):
    """A group with a command for each model; of an unknown name it says which there are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As `click.Group`."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise SettingsProblem(
                f"There is no model {args[0]!r} to {ctx.info_name}: choose {', '.join(known[:-1])} or "
                f"{known[-1]}."
            )
        return super().resolve_command(ctx, args)


def options(settings: Iterable[Setting]) -> Callable[[Any], Any]:
    """A decorator that adds a click option for each setting; one that is left out gives None."""

    def decorate(command: Any) -> Any:
        for field in reversed(list(settings)):
            command = _option(field)(command)
        return command

    return decorate


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The flags that were typed."""
    return {name: value for name, value in values.items() if value is not None}


def flag(name: str, value: Any) -> str:
    """The words to type for a setting to have a value."""
    words = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{words}" if value else f"--no-{words}"
    return f"--{words} {value}"


def _option(field: Setting) -> Callable[[Any], Any]:
    words = "--" + field.name.replace("_", "-")
    text = field.help.rstrip(".")
    if field.minimum is not None and field.maximum is not None:
        text += f"; {field.minimum:g} to {field.maximum:,.10g}"
    if field.kind == "bool":
        return click.option(f"{words}/--no-{words[2:]}", default=None, help=text)
    kind: Any = {"int": click.INT, "float": click.FLOAT}.get(field.kind)
    if field.kind == "choice":
        kind = click.Choice(field.choices)
    return click.option(words, type=kind, default=None, help=text)
