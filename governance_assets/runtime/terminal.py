"""Printing for people: as wide as the terminal, and unbroken where there is none.

Belongs here: the console that every command prints tables and trees with. Does not belong here: what is printed.
"""

from rich.console import Console

_UNBROKEN = 2_000


def console() -> Console:
    """A console of the terminal's width; into a file or a pipe a line is never cut."""
    made = Console()
    return made if made.is_terminal else Console(width=_UNBROKEN)
