"""Parse the command line, whose errors are one line each, and run the command."""

import ast
import contextlib
import functools
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

import tyro

from ebmark.errors import UserError, shown

# a number has one value, and what may be missing a list of them
_VALUE = re.compile(r"Error parsing (\S+?):.*?(?: from \[(['\"].*['\"])\]|: (['\"].*['\"]))\.?$")
_CHOICE = re.compile(r"invalid choice '(.*?)' for argument '(.*?)'. Expected one of \((.*?)\)")
_KINDS = {"INT": "an integer", "FLOAT": "a number"}


def parse_and_run(commands: Mapping[str, Callable[..., int]], name: str) -> int:
    """Run a command with the arguments of the command line; return its exit status.

    Raises:
        UserError: an argument is missing, not wanted or not of its type.
    """
    errors = io.StringIO()
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
    with contextlib.ExitStack() as parsing:
        parsing.enter_context(_wide_terminal())
        parsing.enter_context(contextlib.redirect_stderr(errors))
        runnable = {key: _after(parsing.close, command) for key, command in commands.items()}
        try:
            return tyro.extras.subcommand_cli_from_dict(runnable, prog="ebmark", config=config)
        except SystemExit:
            if message := errors.getvalue():
                raise UserError(as_line(message, name)) from None
            raise


@contextlib.contextmanager
def _wide_terminal() -> Iterator[None]:
    """Let no line be wrapped in the middle of a name."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "1000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _after(close: Callable[[], None], command: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(command)
    def run(*arguments, **options):
        close()
        return command(*arguments, **options)

    return run


def _is_rule(line: str) -> bool:
    return bool(re.fullmatch("─{3,}|-{3,}", line))


def _read_texts(literals: str) -> str:
    """Return Python's literals of texts, separated by commas, as a user has written the texts."""
    try:
        return " ".join(ast.literal_eval(f"[{literals}]"))
    except (SyntaxError, ValueError, TypeError):
        return literals


def as_line(box: str, name: str) -> str:
    """Return the message of a parser's error, in a box of tyro, as one line.

    Example:
        >>> box = ["╭─ Options ─╮", "│ Unrecognized options: b │", "│ ─── │", "╰─╯"]
        >>> as_line(chr(10).join(box), "status")
        'Too many arguments: b. See `ebmark status --help`.'
    """
    # with ASCII only, the title is the first section
    lines = [line.strip("│ ") for line in box.splitlines() if line.strip() and line[0] not in "╭╰"]
    sections = [list(group) for is_rule, group in groupby(lines, _is_rule) if not is_rule]
    if "╭" not in box:
        del sections[0]
    lines, rest = sections[0], " ".join(line for section in sections[1:] for line in section)
    text = " ".join(lines)
    if found := _VALUE.search(re.split(r" +Got errors:", text)[0]):
        names, *values = found.groups()
        value = shown(_read_texts(values[0] or values[1]))
        # of -n/--n, the help of which is `-n INT, --n INT`
        option = names.partition("/")[0]
        kind = re.search(rf"{re.escape(option)} ([^\s,]+)", rest)
        wanted = (kind[1] if kind else "of another kind").replace("{None}|", "")
        wanted = _KINDS.get(wanted, wanted)
        problem = f"{option} must be {wanted}, not '{value}'."
    elif found := _CHOICE.search(text):
        value, option, names = found.groups()
        wanted = ", ".join(sorted(set(names.replace("'", "").split(", ")) - {"None"}))
        problem = f"{option} must be one of {wanted}, not '{value}'."
    elif text.startswith("Missing from "):
        wanted = [line for line in lines[1:] if re.match(r"(-\S+ )?[A-Z{-]\S*$", line)]
        problem = f"Missing: {', '.join(wanted)}."
    else:
        problem = text.partition(" Expected ")[0].rstrip(".") + "."
        problem = problem.replace("Unrecognized options", "Too many arguments")
    return f"{problem} See `ebmark {name} --help`."
