"""Add an assignment to the text of ``grading_config.yaml``: one line more, and nothing else.

The text is edited, not written anew from what it says: comments, blank lines and spelling are its
author's. What cannot be edited safely is refused; the file itself is not touched here.
"""

from __future__ import annotations

from typing import Any, NoReturn

import yaml

from autograder.config import CONFIG_NAME, parse_settings
from autograder.errors import AuthorError

__all__ = ["with_assignment"]

KEY = "assignments"
STEP = 2
"""How far the first assignment is indented below its heading."""


def with_assignment(text: str, name: str) -> str:
    """``text`` with the assignment ``name``, without settings of its own, behind the others.

    ``AuthorError`` where one line more does not say exactly that; the result was parsed again.
    """
    before, root = parse_settings(text)
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if "\r\n" in text else "\n"
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        _refuse(1, name)
    line = _line(root, lines, name, newline)
    entry = {**(before.get(KEY) or {}), name: None}
    edited = "".join(lines)
    try:
        after = yaml.safe_load(edited)
    except (yaml.YAMLError, ValueError):
        after = None
    if after != {**before, KEY: entry} or list(after[KEY]) != list(entry):
        _refuse(line, name)
    return edited


def _line(root: yaml.MappingNode, lines: list[str], name: str, newline: str) -> int:
    """Put the entry into ``lines``; the number of the line at which the assignments begin."""
    # Some words are no texts in YAML, such as `no` and `null`.
    written = name if yaml.safe_load(name) == name else f'"{name}"'
    found = [pair for pair in root.value if pair[0].value == KEY]
    if not found:
        indent = root.value[0][0].start_mark.column if root.value else 0
        _insert(lines, len(lines), f"{' ' * indent}{KEY}:", newline)
        _insert(lines, len(lines), f"{' ' * (indent + STEP)}{written}:", newline)
        return 1
    (key, value), *_ = found
    heading: int = key.start_mark.line
    column: int = key.start_mark.column
    if isinstance(value, yaml.MappingNode) and not value.flow_style:
        last, indent = _last_line(value, heading), value.value[0][0].start_mark.column
    else:
        if value.value and value.tag != "tag:yaml.org,2002:null":
            _refuse(heading + 1, name)
        _cut(lines, value, heading, name)
        last, indent = heading, column + STEP
    _insert(lines, _behind_comments(lines, last + 1, column), " " * indent + written + ":", newline)
    return heading + 1


def _cut(lines: list[str], value: yaml.Node, heading: int, name: str) -> None:
    """Remove a written-out nothing, such as ``{}``, from behind the heading."""
    start, end = value.start_mark, value.end_mark
    if start.line != heading or end.line != heading:
        _refuse(heading + 1, name)
    line = lines[heading]
    if start.column < end.column:
        lines[heading] = line[: start.column].rstrip() + line[end.column :]


def _last_line(node: Any, least: int) -> int:
    """Where the content of ``node`` ends. The end that YAML gives a block is where the next thing
    begins, behind blank lines and comments that may belong to that one."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        key, value = node.value[-1]
        return _last_line(value, max(least, key.end_mark.line))
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return _last_line(node.value[-1], max(least, node.value[-1].start_mark.line))
    end: int = node.end_mark.line
    return max(least, end)


def _behind_comments(lines: list[str], at: int, column: int) -> int:
    """The line behind the comments that follow and are indented below the heading."""
    for number, line in enumerate(lines[at:], at):
        bare = line.strip()
        if bare.startswith("#") and len(line) - len(line.lstrip(" ")) > column:
            at = number + 1
        elif bare:
            break
    return at


def _insert(lines: list[str], at: int, line: str, newline: str) -> None:
    """A file that does not end its last line does not end the new last one either."""
    if at == len(lines) and lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
        lines.append(line)
    else:
        lines.insert(at, line + newline)


def _refuse(line: int, name: str) -> NoReturn:
    raise AuthorError(
        f"{CONFIG_NAME}:{line}: {name!r} cannot be added to the assignments without changing more "
        f"than a line; write them below '{KEY}:' by hand, each on a line of its own such as "
        "'  perceptron:', and try again."
    )
