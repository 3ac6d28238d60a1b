"""Grade the attacks of `tests/attacks` by plain `nbgrader autograde`, and by ours, side by side.

nbgrader runs each attack in a throw-away container of its own: bubblewrap with its own processes,
network, IPC and files, and a control group for memory and processes, so that what nbgrader does not
hold cannot hurt this machine. In it are a course as nbgrader's manual makes one (hidden tests in
the source, a time limit of 15 s a cell), the attacker, an innocent who comes after it, a canary,
listeners and marks. Ours grades each family as the tests do, as root and as a user.

What was seen is kept in `.attacks/`, from where a run that was stopped goes on; delete it to try
again. Needs a control group that may be written to: as root, or in a delegated scope.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from attacks import harness  # noqa: E402
from attacks.canaries import Marks  # noqa: E402
from attacks.case import FAMILIES, FIRST, Case, base, cases  # noqa: E402

from autograder.basis import code_digest  # noqa: E402
from autograder.sandbox import Limits, cgroup, interpreter  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
KEPT = ROOT / "benchmarks" / ".attacks"
"""What nbgrader did, attack by attack, and this code of ours, family by family: a run that was
stopped goes on there."""
Json = dict[str, Any]

MEMORY_MB, PROCESSES = 3072, 300
SECONDS = 120.0
"""After which nbgrader, which needs about 10 s for two notebooks, has hung."""

TWIN, INNOCENT = "gemela", "zoe"

LEFT_OUT = {
    "every_system_call": "random system calls without a filter could break the machine",
}
OWN_PROTOCOL = "speaks the protocol between our sandbox and our grader, which nbgrader has not"
OWN_ASSIGNMENT = "is written for the probes of another assignment"
PROTOCOL = ("os.write(3", "dup(3)", "close(3)", "[3]", "(3,", "CHANNEL", "autograder.inside")

KINDS = {
    "forged score": "forged",
    "read secret": "read",
    "lost batch": "lost",
    "hung": "hung",
    "reached out": "reached",
}


@dataclass
class Result:
    """What an attack did to plain nbgrader; all empty is contained."""

    forged: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)

    @property
    def contained(self) -> bool:
        return not any(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(kind for kind, name in KINDS.items() if getattr(self, name)) or "contained"


def unsuited(case: Case) -> str | None:
    """Why a case makes no sense against nbgrader, if so."""
    if case.name in LEFT_OUT:
        return LEFT_OUT[case.name]
    if any(text in case.text for text in PROTOCOL):
        return OWN_PROTOCOL
    return None if case.assignment == FIRST else OWN_ASSIGNMENT


# -- plain nbgrader ----------------------------------------------------------------------------


def make_template(folder: Path, marks: Marks) -> None:
    """A course in the way of nbgrader's manual, with hidden tests, released, and two students."""
    source = nbformat.read(ROOT / "solutions" / FIRST / f"{FIRST}.ipynb", as_version=4)
    for cell in source.cells:
        cell.metadata.pop("autograder", None)
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            begin = "### BEGIN SOLUTION"
            cell.source = cell.source.replace(begin, f"{begin}\n# {marks['solution']}")
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            hidden = (
                f"### BEGIN HIDDEN TESTS\n# {marks['checks']}\nassert True\n### END HIDDEN TESTS"
            )
            cell.source = f"{cell.source}\n{hidden}"
    place = folder / "source" / FIRST
    place.mkdir(parents=True)
    nbformat.write(source, place / f"{FIRST}.ipynb")
    config = "c = get_config()\nc.CourseDirectory.root = '/course'\nc.Execute.timeout = 15\n"
    (folder / "nbgrader_config.py").write_text(config, "utf-8")
    # The gradebook names no path, so the release may be made where the template lies.
    own = f"--CourseDirectory.root={folder}"
    database = f"--CourseDirectory.db_url=sqlite:///{folder}/gradebook.db"
    nbgrader = str(Path(sys.executable).with_name("nbgrader"))
    command = [nbgrader, "generate_assignment", FIRST, "--create", own, database]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if made.returncode:
        sys.exit(f"nbgrader could not make the release:\n{made.stderr[-2000:]}")
    notebook = nbformat.read(ROOT / "examples" / "ana" / FIRST / f"{FIRST}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(f"# {marks['submission']}", id="mark"))
    hand_in(folder, INNOCENT, notebook)


def hand_in(course: Path, student: str, notebook: nbformat.NotebookNode) -> None:
    folder = course / "submitted" / student / FIRST
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{FIRST}.ipynb")


def container(work: Path, spec: Path) -> list[str]:
    """bubblewrap's command line: nothing of this machine but programs, Python and this project."""

    def options() -> Iterator[str]:
        yield from ("--unshare-all", "--unshare-user", "--new-session", "--as-pid-1", "--clearenv")
        yield from (
            "--die-with-parent",
            "--uid",
            "1000",
            "--gid",
            "1000",
            "--ro-bind",
            "/usr",
            "/usr",
        )
        for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
            if Path(name).is_symlink():
                yield from ("--symlink", str(Path(name).readlink()), name)
            elif Path(name).is_dir():
                yield from ("--ro-bind", name, name)
        yield from ("--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev")
        for place in ("/tmp", "/course", "/home"):
            yield from ("--size", str(512 << 20), "--tmpfs", place)
        yield from ("--dir", "/home/grader", "--ro-bind", str(ROOT), str(ROOT))
        for place in interpreter.folders():
            yield from ("--ro-bind", str(place), str(place))
        yield from ("--ro-bind", str(work), "/work-of-the-bench", "--chdir", "/course")
        yield from ("--setenv", "PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
        yield from ("--setenv", "LANG", "C.UTF-8", "--setenv", "HOME", "/home/grader")
        yield from ("--setenv", "PYTHONPATH", str(ROOT))

    script = ROOT / "benchmarks" / "nbgrader_container.py"
    inside = f"/work-of-the-bench/{spec.relative_to(work)}"
    return ["bwrap", *options(), sys.executable, str(script), inside]


def by_nbgrader(work: Path, marks: Marks, student: str, notebook: nbformat.NotebookNode) -> Json:
    """What is seen of one batch: ``student`` with ``notebook``, then the innocent."""
    with tempfile.TemporaryDirectory(dir=work, prefix="batch-") as folder:
        template = Path(folder) / "course"
        shutil.copytree(work / "template", template)
        hand_in(template, student, notebook)
        spec = Path(folder) / "spec.json"
        told = {
            "marks": marks.texts,
            "template": f"/work-of-the-bench/{template.relative_to(work)}",
            "student": student,
            "limits": harness.LIMITS,
            "seconds": SECONDS,
        }
        spec.write_text(json.dumps(told), "utf-8")
        # The shell waits until it is in its control group.
        command = ["/bin/sh", "-c", 'read go; exec "$@"', "sh", *container(work, spec)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        guard = _guard(process.pid)
        try:
            out, err = process.communicate(b"go\n", timeout=SECONDS + 60)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        finally:
            guard.close()
    try:
        seen: Json = json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        return {"status": "gone", "said": err.decode(errors="replace")[-500:]}
    return seen


def _guard(pid: int) -> cgroup.Group:
    for keeper in cgroup.find():
        try:
            return keeper.guard(pid, Limits(memory_mb=MEMORY_MB, processes=PROCESSES))
        except OSError:
            continue
    sys.exit("no control group may be made here: run as root, or in a delegated scope")


def assess(seen: Json, usual: Json, student: str) -> Result:
    """``usual`` is what is seen of the twin in the attacker's place."""
    if seen["status"] == "gone":
        return Result(lost=["the container ended"])
    result = Result()
    own, twin = seen["scores"].get(student, 0.0) or 0.0, usual["scores"][TWIN]
    if own > twin:
        result.forged.append(f"{own:g} points, the twin {twin:g}")
    result.read = [one for one in seen["read"] if one not in ("success", *usual["read"])]
    other, expected = seen["scores"].get(INNOCENT), usual["scores"][INNOCENT]
    if seen["status"] == "hung":
        result.hung.append(f"not ended after {SECONDS:.0f} s")
    if other != expected or INNOCENT not in seen["graded"]:
        result.lost.append(f"the innocent has {other} points instead of {expected:g}")
    if "success" in seen["read"]:
        result.reached.append("had what it must not have")
    for kind in ("changed", "met", "signals", "left"):
        result.reached += [f"{kind}: {one}" for one in seen[kind]]
    return result


# -- ours --------------------------------------------------------------------------------------


def by_ours(family: str, stage: harness.Stage) -> dict[str, list[str]]:
    """By case, the conditions that it broke; what only shows for the batch counts for each."""
    members = cases(family)
    batch = stage.grade(members)
    every = [one for condition in harness.OF_A_BATCH for one in condition(batch)]
    return {
        case.name: every
        + [one for condition in harness.OF_A_CASE for one in condition(batch, case)]
        for case in members
    }


# -- the table ---------------------------------------------------------------------------------


def table(ours: dict[str, dict[str, dict[str, list[str]]]], theirs: Json) -> str:
    """In Markdown: by family, tried and contained by ours and by nbgrader, and what it was."""
    users = list(ours)
    head = ["family", "attacks", *(f"autograder, as {user}" for user in users)]
    head += ["tried on nbgrader", "contained", *KINDS]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    total = [0] * (len(head) - 1)
    for family in FAMILIES:
        own = [ours[user][family] for user in users]
        tried = [one for one in theirs[family].values() if "left_out" not in one]
        counts = [len(cases(family)), *(sum(not told for told in one.values()) for one in own)]
        counts += [len(tried), sum(one["result"] == "contained" for one in tried)]
        counts += [sum(bool(one[name]) for one in tried) for name in KINDS.values()]
        rows.append([family, *map(str, counts)])
        total = [one + more for one, more in zip(total, counts, strict=True)]
    rows.append(["all", *map(str, total)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def details(theirs: Json) -> str:
    """One line an attack."""
    lines = ["| attack | tries | plain nbgrader |", "|---|---|---|"]
    for family in FAMILIES:
        for case in cases(family):
            found = theirs[family][case.name]
            said = f"not tried: {found['left_out']}" if "left_out" in found else found["result"]
            lines.append(f"| {family}/{case.name} | {case.tries} | {said} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="CASE", help="this case alone, and print what is seen")
    parser.add_argument("--nbgrader", action="store_true", help="only nbgrader, ours later")
    parser.add_argument("families", nargs="*", default=FAMILIES)
    asked = parser.parse_args()
    chosen: Sequence[str] = asked.families
    theirs = run_nbgrader(chosen, asked.only)
    if asked.only or asked.nbgrader:
        return
    ours: dict[str, dict[str, dict[str, list[str]]]] = {}
    for user in harness.USERS:
        with harness.Stage(user) as stage:
            ours[user] = {}
            for family in chosen:
                kept = KEPT / code_digest() / user / f"{family}.json"
                if not kept.exists():
                    found = by_ours(family, stage)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_text(json.dumps(found), "utf-8")
                    sys.stderr.write(f"autograder, as {user}, {family}: {found}\n")
                ours[user][family] = json.loads(kept.read_text("utf-8"))
    result = {
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("nbgrader", "torch")},
        "autograder": ours,
        "nbgrader": theirs,
    }
    if tuple(chosen) == FAMILIES:
        path = RESULTS / "attacks_against_nbgrader.json"
        path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        text = TEXT.format(
            nbgrader=version("nbgrader"), table=table(ours, theirs), details=details(theirs)
        )
        (RESULTS / "attacks.md").write_text(text, "utf-8")
        sys.stdout.write(table(ours, theirs) + "\n")


def run_nbgrader(families: Sequence[str], only: str | None) -> Json:
    marks, told = Marks(), {}
    with tempfile.TemporaryDirectory(prefix="against-nbgrader-") as place:
        work = Path(place)
        (work / "template").mkdir()
        make_template(work / "template", marks)
        usual = by_nbgrader(work, marks, TWIN, base(FIRST))
        sys.stderr.write(f"usual: {usual}\n")
        for family in families:
            told[family] = {}
            for case in (one for one in cases(family) if only in (None, one.name)):
                if (reason := unsuited(case)) is not None:
                    told[family][case.name] = {"left_out": reason}
                    continue
                kept = KEPT / version("nbgrader") / family / f"{case.name}.json"
                if kept.exists() and not only:
                    told[family][case.name] = json.loads(kept.read_text("utf-8"))
                    continue
                result, seen = tried(work, marks, case, usual)
                told[family][case.name] = {"result": str(result), **vars(result)}
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(told[family][case.name]), "utf-8")
                sys.stderr.write(f"{family}/{case.name}: {result}\n")
                if only:
                    sys.stderr.write(f"{json.dumps(seen, indent=1)}\n{result!r}\n")
    return told


def tried(work: Path, marks: Marks, case: Case, usual: Json) -> tuple[Result, Json]:
    """A batch that was lost or hung is tried once more: a busy machine alone loses some."""
    seen = by_nbgrader(work, marks, case.student, case.notebook())
    result = assess(seen, usual, case.student)
    if result.lost or result.hung:
        again = by_nbgrader(work, marks, case.student, case.notebook())
        other = assess(again, usual, case.student)
        result.lost = result.lost if other.lost else []
        result.hung = result.hung if other.hung else []
    return result, seen


TEXT = """# Attacks: ours and plain nbgrader

Written by `benchmarks/attacks_against_nbgrader.py` ({nbgrader} is nbgrader's version). Ours grades
each family as one batch by `autograder grade`, with innocents, canaries and listeners; an attack is
contained if it gained no point, showed no secret, ended within its deadline and 2 s, and nothing
was changed, signalled, connected to or left. nbgrader grades each attack by `nbgrader autograde`
in a container of its own, with one innocent behind it. One attack may do several things to it:

- forged score: more points than the same notebook without the attack;
- read secret: a hidden test, solution, other submission, environment, memory, … in its notebook;
- lost batch: the innocent is not graded as usual;
- hung: the command does not end within two minutes;
- reached out: a file, process, socket or signal outside of its folder, or something left behind.

{table}

## One by one

{details}
"""

if __name__ == "__main__":
    main()
