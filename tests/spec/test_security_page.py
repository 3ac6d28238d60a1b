"""SECURITY.md says how each promise is tested; the tests and files that it names are there."""

from __future__ import annotations

import ast
import re

import pytest

NAMED = re.compile(r"`((?:tests|autograder)/[\w./-]+)(?:::(\w+))?`")


@pytest.fixture
def page(repository):
    return (repository / "SECURITY.md").read_text("utf-8")


def rows(page):
    """The promises: what, by what, tested in."""
    table = page.partition("## What is promised")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_promise_names_a_test(page):
    promises = rows(page)

    assert len(promises) >= 12
    for what, _, tested in promises:
        assert NAMED.search(tested), what


def test_what_the_page_names_is_there(page, repository):
    named = NAMED.findall(page)

    assert len(named) > 20
    for path, function in named:
        file = repository / path
        assert file.exists(), path
        if file.name.startswith("test_"):
            found = {
                node.name
                for node in ast.walk(ast.parse(file.read_text("utf-8")))
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            }
            assert found, f"{path} has no test"
            assert not function or function in found, f"{path} has no {function}"


def test_links_of_the_page_lead_somewhere(page, repository):
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        if not target.startswith("benchmarks/results/"):  # which benchmarks write
            assert (repository / target).exists(), target


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_readers_are_led_to_the_page(repository, name):
    assert "(SECURITY.md)" in (repository / name).read_text("utf-8")


def test_the_limits_that_the_page_names_are_those_of_the_code(page):
    from autograder.sandbox import watcher

    assert f"looks every {watcher.PERIOD * 1000:.0f} ms" in page
