"""The console channel: a message as text on standard output.

Belongs here: its lines and their emphasis. Does not belong here: the wording (``pages/messages.py``).
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from governance_assets.pages.messages import Message, as_text
from governance_assets.runtime.alerts.channels import DeliveryError
from governance_assets.runtime.terminal import console

_STYLES = {"error": "bold red", "warn": "bold yellow", "info": "bold"}


@dataclass(frozen=True)
class ConsoleChannel:
    """Prints messages; without colours the text is the same."""

    name: str

    def send(self, message: Message) -> None:
        """Print ``message`` and flush."""
        out, shown = console(), io.StringIO()
        # Where the terminal knows few characters, a question mark stands for the others.
        lines = as_text(message).encode(out.encoding, "replace").decode(out.encoding).split("\n")
        text = Text("\n").join([Text(lines[0], _STYLES.get(message.severity, "bold")), *map(Text, lines[1:])])
        Console(file=shown, force_terminal=out.is_terminal).print(text, soft_wrap=True)
        try:
            # Not printed by rich, which answers a broken pipe by sending all that follows nowhere, without a word.
            sys.stdout.write(shown.getvalue())
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            raise DeliveryError(
                f"channel {self.name}: standard output takes nothing ({error}); redirect it to where it can be read"
            ) from None
