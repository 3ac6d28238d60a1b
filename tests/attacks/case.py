"""One attack as a student would hand it in: reads the case's file and makes its notebook.

Knows nothing of grading. Every notebook starts from a base that is partly wrong, so that there is
something to gain; the base itself, without any attack, is the *twin* that an attack is compared to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

__all__ = ["FAMILIES", "FIRST", "ROOT", "Case", "base", "cases", "exercises"]

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = Path(__file__).resolve().parent / "cases"
FAMILIES = ("time", "space", "processes", "secrets", "forging")
FIRST = "actividad_1"
KEYS = ("at", "how", "assignment", "gains")

ANSWERS = {
    "activacion": "def activation(x):\n    return torch.sigmoid(x)",  # not by hand: half
    "neurona": """torch.manual_seed(7)
features = torch.randn(1, 5)
weights = torch.randn_like(features)
bias = torch.randn(1)
y = torch.sum(features * weights) + bias
y_mm = torch.mm(features, weights.reshape(5, 1)) + bias""",
    "formas": "w = torch.tensor([[1, 2, 3], [4, 5, 6]])\nw_rsh = w.t()\nw_plano = w.view(1, 6)",
    "actividad-1": """torch.manual_seed(7)
features = torch.randn(1, 3)
W1 = torch.randn(3, 4)
W2 = torch.randn(4, 1)
B1 = torch.randn(1, 4)
B2 = torch.randn(1, 1)
hidden = activation(torch.mm(features, W1) + B1)
output = torch.mm(hidden, W2) + B2""",
}
"""What the base of ``FIRST`` answers: something right and something wrong in every exercise."""

EXAMPLE = "carla"
"""Whose example is the base of every other assignment: partly wrong, too."""


@dataclass(frozen=True)
class Case:
    """``how`` the ``text`` stands in the solution cell of ``exercise`` ("" is the first one):
    ``before`` or ``after`` the student's own lines, or ``instead`` of them."""

    family: str
    name: str
    tries: str
    text: str
    assignment: str = FIRST
    exercise: str = ""
    how: str = "before"
    gains: str = ""

    @property
    def student(self) -> str:
        return f"atacante-{self.name}"

    def notebook(self) -> nbformat.NotebookNode:
        made = base(self.assignment)
        exercise = self.exercise or exercises(made)[0]
        (cell,) = (cell for cell in made.cells if _solution(cell) == exercise)
        own = [] if self.how == "instead" else [cell.source]
        cell.source = "\n".join([*own, self.text] if self.how == "after" else [self.text, *own])
        return made

    @classmethod
    def read(cls, path: Path) -> Case:
        """The case in ``path``, whose folder is its family."""
        first, *lines = path.read_text("utf-8").splitlines()
        if not first.startswith("# "):
            raise ValueError(f"{path}: the first line is a comment that says what the case tries")
        said: dict[str, str] = {}
        while lines and (found := re.fullmatch(rf"# ({'|'.join(KEYS)}): (.+)", lines[0])):
            said[found[1]] = found[2].strip()
            lines.pop(0)
        if said.get("how", "before") not in ("before", "after", "instead"):
            raise ValueError(f"{path}: how: before, after or instead")
        return cls(
            path.parent.name,
            path.stem,
            first.removeprefix("# "),
            "\n".join(lines).strip("\n"),
            said.get("assignment", FIRST),
            said.get("at", ""),
            said.get("how", "before"),
            said.get("gains", ""),
        )


def cases(family: str) -> list[Case]:
    return [Case.read(path) for path in sorted((CASES / family).glob("*.py"))]


def base(assignment: str) -> nbformat.NotebookNode:
    """The twin's notebook."""
    if assignment != FIRST:
        path = ROOT / "examples" / EXAMPLE / assignment / f"{assignment}.ipynb"
        return nbformat.read(path, as_version=4)
    made = nbformat.read(ROOT / "assignments" / FIRST / f"{FIRST}.ipynb", as_version=4)
    for cell in made.cells:
        if (exercise := _solution(cell)) is not None:
            cell.source = ANSWERS[exercise]
    return made


def exercises(notebook: nbformat.NotebookNode) -> list[str]:
    """The exercises, in the order of the notebook."""
    return [one for one in map(_solution, notebook.cells) if one is not None]


def _solution(cell: nbformat.NotebookNode) -> str | None:
    marks = cell.metadata.get("nbgrader", {})
    return marks["grade_id"] if cell.cell_type == "code" and marks.get("solution") else None
