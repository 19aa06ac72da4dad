"""Standard output and error: any text can be printed, and a library's warning is one line."""

import io
import sys
import warnings


def prepare() -> None:
    """Replace characters that the streams cannot encode, and print warnings as notes.

    Commands and workers call it first. An encoding such as Latin-1 or ASCII then costs a character
    instead of the command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    warnings.showwarning = _print_warning


def _print_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning in one line; its place in a library means nothing to a user."""
    del category, filename, lineno, line
    stream = file or sys.stderr
    # without a stream, as in a daemon, there is nothing to print to
    if stream is not None:
        print(f"note: {' '.join(str(message).split())}", file=stream)
