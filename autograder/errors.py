"""The two kinds of error that end a command with a sentence; a student's errors are data instead.

``AuthorError``: somebody wrote something that cannot be right, and the sentence says where.
``MachineError``: this machine or our software cannot go on; nothing half-made is left.
"""

from __future__ import annotations

__all__ = ["AuthorError", "MachineError", "MachineStopped"]


class AuthorError(Exception):
    """A mistake in config, notebook, check or probe: names the file, the line and the mend."""


class MachineError(Exception):
    """Our fault or the machine's: grading cannot go on."""


class MachineStopped(MachineError):
    """What would befall every other submission, too: the command ends at once."""
