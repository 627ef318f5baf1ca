"""How commands look: their options and subcommands in groups, examples at the end, and a name for every value.

Panels and help texts are typer's own arguments; only typer's plain help leaves the panels out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from i2vbench.cli import options
from i2vbench.cli.ends import Ended
from i2vbench.cli.values import Kind, check_values, kinds_of
from i2vbench.errors import UserError
from i2vbench.names import nearest

WIDTH = 100
"""Columns that help fills at most."""

FEW = 8
"""So many options are read at a glance: no headings."""

EXAMPLE = "Example: "
OTHERS = "Other options"

_HELP = ("--help", "Show this and end.")

_ORDER = (options.WHAT, options.HOW, "", options.WHERE, options.FILES, options.SHOWN)
"""Of headings; one that a command alone has stands in the place of ""."""

_VALUES: dict[type, str] = {int: "N", float: "NUMBER", Path: "PATH", str: "TEXT"}
"""What stands for a value whose option says nothing else."""


def new_group(help: str | None = None, **settings: Any) -> typer.Typer:
    """A group of commands, to which `add` adds them; without a help text it has its callback's."""
    return typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": WIDTH},
        **{"cls": Group, **({} if help is None else {"help": help}), **settings},
    )


def add(app: typer.Typer, name: str, command: Callable[..., Any], **settings: Any) -> None:
    """Make a command of a function: its docstring is the help, paragraphs that begin with "Example:" the examples."""
    app.command(name, cls=Command, context_settings={"max_content_width": WIDTH}, **settings)(command)


class _Shaped:
    """What commands and groups have in common."""

    help: str | None
    params: list[Any]
    callback: Callable[..., Any] | None

    def _prepare(self) -> None:
        self.help, self.examples = split_examples(self.help or "")
        for param in self.params:
            if param.param_type_name == "argument" and param.metavar is None:
                param.metavar = param.name.upper()

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments = [_record(param, None) for param in self.params if param.param_type_name == "argument"]
        given = [param for param in self.params if param.param_type_name == "option" and not param.hidden]
        grouped = len(given) >= FEW
        kinds = kinds_of(self.callback)
        panels: dict[str, list[tuple[str, str]]] = {}
        for option in sorted(given, key=_place) if grouped else given:
            panel = (option.rich_help_panel or OTHERS) if grouped else "Options"
            panels.setdefault(panel, []).append(_record(option, kinds.get(option.name)))
        panels.setdefault(OTHERS if grouped else "Options", []).append(_HELP)
        sections = {"Arguments": arguments, **panels}
        column = max(len(name) for rows in sections.values() for name, _ in rows)
        for heading, rows in sections.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl([(name.ljust(min(column, 30)), text) for name, text in rows])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [_record(param, None)[0] for param in self.params if param.param_type_name == "argument"]
        return ["[OPTIONS]", *arguments, *(["COMMAND ..."] if hasattr(self, "commands") else [])]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.examples:
            with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")
        super().format_epilog(ctx, formatter)  # type: ignore[misc]


class Command(_Shaped, TyperCommand):
    """A command."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._prepare()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            given, *_ = self.make_parser(ctx).parse_args(args=list(args))
            if not given.get("help"):
                check_values(self.params, kinds_of(self.callback), given)
        return super().parse_args(ctx, args)


class Group(_Shaped, TyperGroup):
    """A group of commands, each under the heading that its panel names."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._prepare()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            print(ctx.get_help())
            raise typer.Exit
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            here = ctx.command_path
            near = nearest(name, self.list_commands(ctx))
            raise UserError(f"no command '{name}' of {here}: {near} (see `{here} --help`)")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        # typer makes an exit of its own of these, without a word.
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise Ended from error

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _Shaped.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        shown: list[tuple[str, Any]] = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        column = max(len(name) for name, _ in shown)
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in shown:
            panel = command.rich_help_panel or "Commands"
            panels.setdefault(panel, []).append((name.ljust(column), first_sentence(command)))
        for heading, rows in panels.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def split_examples(help: str) -> tuple[str, list[str]]:
    """(a help text without its examples, the command line of each)."""
    paragraphs = help.split("\n\n")
    examples = [text.strip().removeprefix(EXAMPLE) for text in paragraphs if text.strip().startswith(EXAMPLE)]
    return "\n\n".join(text for text in paragraphs if not text.strip().startswith(EXAMPLE)), examples


def first_sentence(command: Any) -> str:
    """What a list of commands says of one: the first sentence of its help."""
    text = " ".join((command.short_help or command.help or "").split("\n\n")[0].split())
    return text.partition(". ")[0].removesuffix(".") + "."


def leaves(group: Any, path: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that name it; a group that does something by itself is one too."""
    commands: Iterable[tuple[str, Any]] = getattr(group, "commands", {}).items()
    for name, command in commands:
        yield from leaves(command, (*path, name))
    if not hasattr(group, "commands") or group.invoke_without_command:
        yield tuple(path), group


def _place(option: Any) -> tuple[bool, int]:
    """Where an option's heading stands; those without one come last."""
    panel = option.rich_help_panel
    return panel is None, _ORDER.index(panel) if panel in _ORDER else _ORDER.index("")


def _record(param: Any, kind: Kind | None) -> tuple[str, str]:
    """(how a parameter is written, what is said of it)."""
    if param.param_type_name == "argument":
        name = param.metavar + ("..." if param.nargs == -1 else "")
        return name if param.required else f"[{name}]", param.help or ""
    name = ", ".join(sorted(param.opts, key=len))
    if param.secondary_opts:
        name += f"/{param.secondary_opts[0]}"
    if not param.is_flag:
        name += f" {param.metavar or _VALUES.get(kind.type if kind else str, 'TEXT')}"
    text = param.help or ""
    if param.required:
        text += " Must be given."
    elif param.default not in (None, "") and param.default is not False and "Default" not in text:
        text += f" [{param.opts[0].lstrip('-') if param.default is True else param.default}]"
    return name, text
