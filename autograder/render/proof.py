"""What `verify` found, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.verify.proof import Margin, Mutated, Proof

__all__ = ["proof_text"]

GIVEN = 3
"""How many of a misconception's answers are shown."""


def proof_text(proof: Proof, console: Console) -> None:
    """Print the claims, then whatever a reader has to act on or reason about."""
    title = f"{proof.assignment}: {'verified' if proof.holds else 'NOT verified'}"
    table = Table("claim", "holds", "seen", title=title, title_justify="left")
    for claim in proof.claims:
        mark = "[green]yes[/]" if claim.holds else "[bold red]NO[/]"
        table.add_row(claim.what, mark, escape(claim.said))
    console.print(table)
    if proof.confusion:
        console.print(_confusion(proof))
    console.print(_margins(proof))
    for claim in proof.claims:
        for problem in claim.problems:
            console.print(f"[red]problem:[/] {escape(problem)}", soft_wrap=True)
        for warning in claim.warnings:
            console.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)
    for one in proof.survivors:
        console.print(f"[red]survivor:[/] {_mutant(one)}", soft_wrap=True)
        console.print(escape(one.diff), soft_wrap=True)
    for one in proof.equivalent:
        console.print(f"[dim]shows what is right:[/] {_mutant(one)}", soft_wrap=True)
    console.print(
        f"{proof.assignment}: {proof.seconds:.0f} s, on {', '.join(proof.devices)}", soft_wrap=True
    )


def _mutant(one: Mutated) -> str:
    return escape(f"{one.exercise}, line {one.line}, {one.operator}: {one.change}")


def _confusion(proof: Proof) -> Table:
    """Misconception × what its failed checks were told; ``-`` is nothing."""
    table = Table("misconception", "told", title="sentences given", title_justify="left")
    for id, told in proof.confusion.items():
        given = [f"{name} ×{count}" for name, count in list(told.items())[:GIVEN]]
        right = next(iter(told), "") == id
        table.add_row(escape(id), escape(", ".join(given)), style=None if right else "yellow")
    return table


def _margins(proof: Proof) -> Table:
    table = Table(
        "exercise", "check", "tolerance ÷ noise", "wrong ÷ tolerance", title="margins",
        title_justify="left",
    )  # fmt: skip
    for row in proof.margins:
        table.add_row(escape(row.exercise), escape(row.check), *_numbers(row))
    return table


def _numbers(margin: Margin) -> Iterator[str]:
    for number, none in ((margin.noise, "no noise"), (margin.wrong, "–")):
        yield none if number is None else f"{number:.3g}"
