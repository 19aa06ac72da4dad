"""Mistakes of the user's, each told in one clear line."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake of the user's: what was given, what is wanted, how to mend it.

    The command line prints it, without a traceback, and exits with status 2.
    """


def shown(text: object, width: int = 40) -> str:
    """The text as one printable line of at most `width` characters, for use in a message."""
    text = str(text)
    if len(text) > width:
        head = (width - 3) // 2
        text = text[:head] + "..." + text[len(text) - (width - 3 - head) :]
    if text.isprintable():
        return text
    return shown("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text), width)


def nearest(name: str, choices: Iterable[str]) -> str:
    """The choice that looks most like `name`, or "" where none does."""
    by_folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else ""


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """The error for a name that is not among `choices`, with the nearest of them."""
    choices = list(choices)
    guess = nearest(name, choices)
    hint = f'; did you mean "{guess}"?' if guess else ";"
    return UserError(f'unknown {kind} "{shown(name)}"{hint} {_listed(choices)}')


def _listed(choices: list[str], width: int = 160) -> str:
    """The choices in brackets, as many as fit in `width` characters."""
    if not choices:
        return "(there are none)"
    fit, used = 0, 0
    while fit < len(choices) and (used := used + len(choices[fit]) + 2) <= width:
        fit += 1
    fit = max(fit, 1)
    rest = f" and {len(choices) - fit} more" if fit < len(choices) else ""
    return f"(one of: {', '.join(choices[:fit])}{rest})"
