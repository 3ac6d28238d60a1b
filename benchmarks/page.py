"""What `bench.py` measured, as a table in Markdown and a plot in SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

__all__ = ["write_page"]

Json = dict[str, Any]
COLOURS = {"autograder": "#1f6f8b", "nbgrader": "#b0b7bd", "otter": "#d9a441", "limit": "#6b8e4e"}


def write_page(found: Json, folder: Path) -> None:
    """Write ``bench.md`` and, where batches were measured, ``bench.svg``."""
    parts = [_head(found["machine"])]
    sections = {
        "batch": _batch,
        "stages": _stages,
        "again": _again,
        "commands": _commands,
        "memory": _memory,
        "growth": _growth,
    }
    parts += [make(found[name]) for name, make in sections.items() if name in found]
    (folder / "bench.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    if "batch" in found:
        _plot(found["batch"], folder / "bench.svg")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(machine: Json) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        "# Measured side by side\n\n"
        f"Written by `make bench`: {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_gib']} GiB, Python {machine['python']}, {versions}. Single times on a "
        "shared machine mean little; each section is one run, and not all are of one day."
    )


def _batch(found: Json) -> str:
    rows = []
    for assignment, told in found.items():
        for who, by_count in told["each"].items():
            for count, one in by_count.items():
                ratio = told.get("times_nbgrader", {}).get(count) if who == "autograder" else None
                rows.append(
                    [
                        f"{assignment}, {count}",
                        who,
                        f"{one['wall']:.3f}",
                        f"{one['cpu']:.3f}",
                        f"{ratio:.1f}" if ratio else "",
                    ]
                )
        limit = told["limit"]
        rows.append([assignment, "bare cells, twice", "", f"{limit['cells']:.3f}", ""])
        both = limit["cells"] + limit["probes"]
        rows.append([assignment, "bare cells and probes, twice", "", f"{both:.3f}", ""])
    head = ["assignment, submissions", "with", "s each", "CPU s each", "times nbgrader"]
    return "## Batches\n\n" + _table(head, rows)


def _stages(found: Json) -> str:
    names = list(dict.fromkeys(stage for told in found.values() for stage in told))
    rows = [
        [assignment, *(f"{told.get(name, {}).get('wall', 0):.2f}" for name in names)]
        for assignment, told in found.items()
    ]
    return "## Where the time of 40 goes (s)\n\n" + _table(["assignment", *names], rows)


def _again(found: Json) -> str:
    return f"## Second runs, {found['submissions']} submissions\n\n" + _table(
        ["what", "value"],
        [
            ["first run", f"{found['first_run']:.1f} s"],
            [
                "nothing changed, beyond start-up, each",
                f"{found['nothing_changed_each_ms']:.1f} ms",
            ],
            ["judged again after a check changed, each", f"{found['judged_again_each_ms']:.1f} ms"],
            ["start-up (a course of one, nothing changed)", f"{found['start_up']:.2f} s"],
        ],
    )


def _commands(found: Json) -> str:
    rows = [[f"`{name}`", f"{seconds:.2f}"] for name, seconds in found.items()]
    return "## At a prompt (s)\n\n" + _table(["command", "s"], rows)


def _memory(found: Json) -> str:
    rows = [[name, f"{peak}"] for name, peak in found.items()]
    return "## Memory of everything together (MB of PSS, largest)\n\n" + _table(["run", "MB"], rows)


def _growth(found: Json) -> str:
    rows = [
        [
            count,
            f"{one['each']:.3f}",
            f"{one['cpu_each']:.3f}",
            f"{one['gradebook_bytes_each'] / 1024:.1f}",
            f"{one['report_bytes_each'] / 1024:.1f}",
            f"{one['one_more']:.1f}",
        ]
        for count, one in found.items()
    ]
    head = ["submissions", "s each", "CPU s each", "gradebook KiB each", "report KiB each"]
    return "## Growth\n\n" + _table([*head, "one more handed in (s)"], rows)


def _plot(found: Json, path: Path) -> None:
    plt.rcParams.update({"svg.hashsalt": "bench", "font.size": 9})
    figure, axes = plt.subplots(1, len(found), figsize=(4.2 * len(found), 2.6), squeeze=False)
    for axis, (assignment, told) in zip(axes[0], found.items(), strict=True):
        bars = [
            (f"{who}, {count}", one["wall"], COLOURS[who])
            for who, by_count in told["each"].items()
            for count, one in by_count.items()
        ]
        names, values, colours = zip(*reversed(bars), strict=True)
        drawn = axis.barh(names, values, color=colours)
        axis.bar_label(drawn, fmt="%.2f", padding=2)
        axis.set_xlim(right=max(values) * 1.2)
        axis.xaxis.set_visible(False)
        axis.set_title(f"{assignment}: seconds a submission", fontsize=9)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
