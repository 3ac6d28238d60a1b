"""What `verify` found, for a person at a terminal."""

from __future__ import annotations

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
    for one in proof.equivalent:
        console.print(f"[dim]equivalent:[/] {_mutant(one)}", soft_wrap=True)
    for one in proof.survivors:
        console.print(f"[yellow]survivor:[/] {_mutant(one)}", soft_wrap=True)
        console.print(escape(one.diff), soft_wrap=True, highlight=False)
    for claim in proof.claims:
        for warning in claim.warnings:
            console.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)
    for claim in proof.claims:
        for problem in claim.problems:
            console.print(f"[red]problem:[/] {escape(problem)}", soft_wrap=True)
    console.print(f"{title}, in {proof.seconds:.0f} s on {', '.join(proof.devices)}{_kept(proof)}")


def _kept(proof: Proof) -> str:
    """What is kept of fewer mutants is a failure only."""
    return "; not noted: fewer mutants than a proof needs" if proof.partial and proof.holds else ""


def _mutant(one: Mutated) -> str:
    return escape(f"{one.exercise}, line {one.line}, {one.operator}: {one.change}")


def _confusion(proof: Proof) -> Table:
    """Misconception × what its failed checks were told."""
    table = Table(title="sentences given", title_justify="left")
    table.add_column("misconception", overflow="fold")
    table.add_column("told", overflow="fold")
    for id, told in proof.confusion.items():
        given = [f"{_sentence(name, id)} ×{count}" for name, count in told.items()]
        right = next(iter(told), "") == id
        table.add_row(
            escape(id), escape(", ".join(given[:GIVEN])), style=None if right else "yellow"
        )
    return table


def _sentence(told: str, id: str) -> str:
    return {id: "its own", "-": "nothing"}.get(told, told)


def _margins(proof: Proof) -> Table:
    table = Table(title="margins", title_justify="left")
    table.add_column("exercise", overflow="fold")
    table.add_column("check", overflow="fold")
    for heading in ("tolerance ÷ noise", "wrong ÷ tolerance"):
        table.add_column(heading, justify="right")
    for row in proof.margins:
        table.add_row(escape(row.exercise), escape(row.check), *_numbers(row))
    return table


def _numbers(margin: Margin) -> tuple[str, str]:
    noise, wrong = (
        "–" if number is None else f"{float(f'{number:.2g}'):g}"
        for number in (margin.noise, margin.wrong)
    )
    return "no noise" if margin.noise is None else noise, wrong
