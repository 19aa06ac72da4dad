"""The progress of a training on standard error, in a terminal or a notebook."""

import builtins
import sys
from collections.abc import Callable

_WIDTH = 30


def show_progress(is_shown: bool) -> Callable[[int, int], None]:
    """Return a function of the updates done and their number, which prints a bar.

    In a file, which cannot rewrite a line, only the last state is printed.
    """
    return _print_bar if is_shown else _print_nothing


def _print_bar(step: int, num_updates: int) -> None:
    is_last = step == num_updates
    if is_last or sys.stderr.isatty() or hasattr(builtins, "__IPYTHON__"):
        bar = ("#" * (_WIDTH * step // num_updates)).ljust(_WIDTH)
        end = "\n" if is_last else ""
        text = f"\r[{bar}] {step:,} of {num_updates:,} updates"
        print(text, end=end, file=sys.stderr, flush=True)


def _print_nothing(step: int, num_updates: int) -> None:
    pass
