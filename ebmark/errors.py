"""Errors caused by the user, each reported in one line."""

import difflib
from collections.abc import Iterable

_OF_PLUGINS = ("method",)  # kinds of names that plugins define


class UserError(Exception):
    """A mistake of the user, described by its problem, its value and its fix.

    The command line prints the message without a traceback and exits with status 2.

    Example:
        >>> import ebmark as eb
        >>> try:
        ...     eb.load_dataset("half_mons")
        ... except UserError as error:
        ...     print(error)
        Unknown dataset 'half_mons'...
    """


class EBMWarning(UserWarning):
    """What a result must be read with; the message states it in one line.

    Example:
        >>> import warnings
        >>> import ebmark as eb
        >>> warnings.simplefilter("error", eb.EBMWarning)  # stop at the first one
        >>> warnings.simplefilter("default", eb.EBMWarning)
    """


class UnresolvedWarning(EBMWarning):
    """log Z is unresolved, or draws have not converged: densities are off by a constant.

    Example:
        >>> issubclass(UnresolvedWarning, EBMWarning)
        True
    """


class WorseThanBaselineWarning(EBMWarning):
    """A Gaussian, a mixture or a kernel density estimate is significantly better than the model.

    Example:
        >>> issubclass(WorseThanBaselineWarning, EBMWarning)
        True
    """


class DamagedError(UserError):
    """A stored file is damaged: its checksum or its content is not that of a complete file."""


def shown(text: object, width: int = 40) -> str:
    r"""Return the text as one printable line of at most `width` characters, for use in a message.

    Args:
        text: any object; its `str` is used.
        width: the maximal number of characters; a longer text loses its middle.

    Example:
        >>> shown("two\nlines")
        'two\\nlines'
    """
    text = str(text)
    if len(text) > width:
        head = (width - 3) // 2
        tail = width - 3 - head
        text = text[:head] + "..." + text[len(text) - tail :]
    if text.isprintable():
        return text
    escaped = (c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown("".join(escaped), width)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return the choice most similar to `name` without regard to case, or "" if none is."""
    by_folded_name = {choice.casefold(): choice for choice in choices}
    matches = difflib.get_close_matches(name.casefold(), by_folded_name, n=1)
    return by_folded_name[matches[0]] if matches else ""


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """Return the error for a name that is not among `choices`, with the most similar of them.

    Args:
        kind: what is named, as in "dataset".
        name: the unknown name.
        choices: all known names.

    Example:
        >>> print(unknown("metric", "w1_exct", ["w1_exact", "kl"]))
        Unknown metric 'w1_exct'. Did you mean 'w1_exact'? Choose one of w1_exact, kl.
    """
    choices = list(choices)
    guess = nearest(name, choices)
    question = f" Did you mean '{guess}'?" if guess else ""
    own = f" A {kind} of your own needs --plugin FILE.py." if kind in _OF_PLUGINS else ""
    return UserError(f"Unknown {kind} '{shown(name)}'.{question} {_list_choices(choices)}{own}")


def _list_choices(choices: list[str], width: int = 160) -> str:
    """Return a sentence that lists as many choices as fit in `width` characters."""
    if not choices:
        return "There are none."
    listed = choices[:1]
    for choice in choices[1:]:
        if len(", ".join([*listed, choice])) > width:
            return f"Choose one of {', '.join(listed)} and {len(choices) - len(listed)} more."
        listed.append(choice)
    return f"Choose one of {', '.join(listed)}."
