"""The help of a command, and the check of its options, from its signature and docstring.

Options are shown in the order of the signature: common ones first.
"""

import inspect
import textwrap
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import docstring_parser

from ebmark.errors import UserError, unknown

Commands = Mapping[str, Callable[..., int]]
_KINDS = {int: "N", float: "X", Path: "PATH", str: "NAME"}
_WIDTH = 80
_INDENT = 26


def describe_commands(commands: Commands) -> str:
    """Return the help of `ebmark`: each command in one line."""
    lines = ["usage: ebmark COMMAND [options]", ""]
    lines.append("A benchmark of training methods for energy-based models (EBMs).\n\ncommands:")
    width = max(map(len, commands)) + 2
    lines += [f"  {name:{width}}{_first_line(command)}" for name, command in commands.items()]
    lines += [
        "",
        "`ebmark COMMAND --help` lists its options; `ebmark --version` prints the version.",
    ]
    return "\n".join(lines)


def _first_line(command: Callable[..., int]) -> str:
    return (inspect.getdoc(command) or "").partition("\n")[0]


def describe_command(name: str, command: Callable[..., int]) -> str:
    """Return the help of a command."""
    text = docstring_parser.parse(command.__doc__ or "")
    meanings = {param.arg_name: param.description or "" for param in text.params}
    parameters = inspect.signature(command).parameters.values()
    places = [p for p in parameters if p.kind is p.POSITIONAL_ONLY]
    options = [p for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    shown = [p.name.upper() if p.default is p.empty else f"[{p.name.upper()}]" for p in places]
    required = [f"{_flag(p)} {_metavar(p)}" for p in options if p.default is p.empty]
    lines = [" ".join(["usage: ebmark", name, *shown, *required, *["[options]"][: len(options)]])]
    for paragraph in (text.short_description, text.long_description):
        lines += (
            ["", textwrap.fill(" ".join((paragraph or "").split()), _WIDTH)] if paragraph else []
        )
    if places:
        lines += ["", "arguments:", *(_entry(p.name.upper(), p, meanings) for p in places)]
    if options:
        heads = [f"{_flag(p)} {_metavar(p)}".strip() for p in options]
        entries = [_entry(h, p, meanings) for h, p in zip(heads, options, strict=True)]
        lines += ["", "options:", *entries]
    return "\n".join(lines)


def _entry(head: str, parameter: inspect.Parameter, meanings: Mapping[str, str]) -> str:
    """A line with what an option means, wrapped beside its name or below a long one."""
    meaning = " ".join(meanings.get(parameter.name, "").split())
    default = parameter.default
    if default is not parameter.empty and default not in (None, (), True, False):
        meaning = f"{meaning.rstrip('.')} (default: {default})."
    head = f"  {head}"
    first = f"{head:{_INDENT}}" if len(head) < _INDENT - 1 else f"{head}\n{' ' * _INDENT}"
    wrapped = textwrap.wrap(meaning, _WIDTH - _INDENT) or [""]
    return first + f"\n{' ' * _INDENT}".join(wrapped)


def _flag(parameter: inspect.Parameter) -> str:
    name = parameter.name.replace("_", "-")
    return f"--no-{name}" if parameter.default is True else f"--{name}"


def _metavar(parameter: inspect.Parameter) -> str:
    kind: Any = parameter.annotation
    choices = [part for part in (kind, *typing.get_args(kind)) if part is not type(None)]
    for part in choices:
        if typing.get_origin(part) is Literal:
            return "|".join(typing.get_args(part))
        if typing.get_origin(part) is tuple:
            return f"{_KINDS.get(typing.get_args(part)[0], 'VALUE')} ..."
    return next((_KINDS[part] for part in choices if part in _KINDS), "")


def check_options(command: Callable[..., int], arguments: Sequence[str]) -> None:
    """Raise UserError for an option that the command does not have, with the nearest one.

    Or for one of several values that is given twice: the parser would ignore the first ones.

    Example:
        >>> from ebmark.cli.report import report
        >>> check_options(report, ["studies/toy", "--referense", "nce"])
        Traceback (most recent call last):
        ebmark.errors.UserError: Unknown option '--referense'. Did you mean '--reference'?
    """
    parameters = inspect.signature(command).parameters.values()
    flags = [_flag(p) for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    several = {_flag(p) for p in parameters if _metavar(p).endswith("...")}
    names = [argument.partition("=")[0].replace("_", "-") for argument in arguments]
    for name in names:
        if name in several and names.count(name) > 1:
            raise UserError(f"{name} is given twice. List all its values after one {name}.")
        if name.startswith("--") and len(name) > 2 and name not in flags:
            error = str(unknown("option", name, flags))
            raise UserError(
                error.partition(" Choose one of ")[0] if "Did you mean" in error else error
            )
