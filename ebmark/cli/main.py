"""The table of commands and the entry point `ebmark`.

A command imports what it needs inside its function, so that `ebmark --help` takes little time.
"""

import gc
import os
import sys
from collections.abc import Sequence

import ebmark
from ebmark.cli.check import check
from ebmark.cli.evaluate import evaluate
from ebmark.cli.fit import fit
from ebmark.cli.help_text import check_options, describe_command, describe_commands
from ebmark.cli.impute import impute
from ebmark.cli.leaderboard import leaderboard
from ebmark.cli.list import list_all
from ebmark.cli.log import log
from ebmark.cli.parsing import parse_and_run
from ebmark.cli.report import report
from ebmark.cli.run import run
from ebmark.cli.sample import sample
from ebmark.cli.score import score
from ebmark.cli.sensitivity import sensitivity
from ebmark.cli.status import status
from ebmark.cli.table import table
from ebmark.cli.tune import tune
from ebmark.cli.twin import twin
from ebmark.errors import UserError, unknown
from ebmark.system import streams, user_code
from ebmark.system.flags import pin_flags
from ebmark.system.threads import single

COMMANDS = {
    "run": run,
    "tune": tune,
    "sensitivity": sensitivity,
    "leaderboard": leaderboard,
    "report": report,
    "table": table,
    "log": log,
    "status": status,
    "list": list_all,
    "fit": fit,
    "sample": sample,
    "score": score,
    "impute": impute,
    "twin": twin,
    "evaluate": evaluate,
    "check": check,
}


def _answer_directly(arguments: Sequence[str]) -> int | None:
    """Print help or version, and refuse unknown commands and options; None: run the command."""
    name, *options = arguments or ["--help"]
    if name == "--version":
        print(f"ebmark {ebmark.__version__}")
    elif name in ("-h", "--help"):
        print(describe_commands(COMMANDS))
    elif name not in COMMANDS:
        raise unknown("option" if name.startswith("-") else "command", name, COMMANDS)
    elif {"-h", "--help"} & set(options):
        print(describe_command(name, COMMANDS[name]))
    else:
        check_options(COMMANDS[name], options)
        return None
    return 0


def main() -> int:
    """Run the command `ebmark`; an error of the user or of their code is one line, status 2."""
    streams.prepare()
    pin_flags()
    # imports and traces create many objects and no cycles: a sixth of their time was a search
    gc.set_threshold(200_000, 20, 20)
    try:
        if (status := _answer_directly(sys.argv[1:])) is not None:
            return status
        # before numpy and JAX are imported
        os.environ.update(single(dict(os.environ)))
        return parse_and_run(COMMANDS, sys.argv[1])
    except UserError as error:
        print(f"ebmark: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has ended, as `ebmark list | head` does. Python would report
        # the same error again when it flushes standard output at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if user_code.locate(error) is None:
            raise
        print(f"ebmark: {user_code.explain(error)}", file=sys.stderr)
        return 2
