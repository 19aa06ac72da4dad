"""The command line: the command `ebmark X` is `cli/X.py`.

May import everything. A new command is one file and one line in `main.COMMANDS`; what it needs is
imported inside it, so that `--help` is fast.
"""
