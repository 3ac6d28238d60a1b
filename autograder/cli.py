"""The command line: reads what was asked and calls the rest.

Nothing slow is imported until a command needs it: ``autograder --help`` is asked for often.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.ending import FAILED, USAGE, end, notice, sentences
from autograder.errors import AuthorError, MachineError, log_to
from autograder.garbage import uncollected

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.isolation import Starting

__all__ = ["app"]

app = typer.Typer(
    help="Grade PyTorch notebooks: observe in a sandbox, judge with pytest, record in nbgrader.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

CourseOption = Annotated[
    Path, typer.Option("--course", metavar="DIR", help="The course's folder.", show_default="here")
]
AssignmentArguments = Annotated[
    list[str] | None, typer.Argument(metavar="[ASSIGNMENT]...", help="Default: all of the config.")
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Notebooks at a time.", show_default="cores + 1"),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


class ExportFormat(StrEnum):
    """What grades are exported for."""

    csv = "csv"
    json = "json"
    moodle = "moodle"
    canvas = "canvas"
    gradescope = "gradescope"


class ExcelForm(StrEnum):
    """How Excel in some country writes numbers."""

    point = "point"
    comma = "comma"


class Device(StrEnum):
    """Where probes run: wherever possible, on the CPU only, or not without CUDA."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Executor(StrEnum):
    """Where notebooks run: on this machine, or on the workers of a Dask cluster."""

    local = "local"
    dask = "dask"


class LogForm(StrEnum):
    """Whom a log's lines are for: people or programs."""

    text = "text"
    json = "json"


CLUSTER_JOBS = 256
"""Notebooks that are on their way to a cluster or back, unless ``--jobs`` says otherwise."""


@app.callback()
def _commands() -> None:
    """Grade PyTorch notebooks: observe in a sandbox, judge with pytest, record in nbgrader."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="What to call it.")],
    course: CourseOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Begin an assignment: a small one in solutions/ that verifies as it is, for you to edit.

    Adds it to grading_config.yaml too. Overwrites nothing, and asks nothing: comments in the files
    explain them.
    """
    with sentences():
        from autograder.scaffold import scaffold

        made = scaffold(course.resolve(), name)
    if quiet:
        return
    *files, config = made
    for file in files:
        typer.echo(f"{file}: made")
    typer.echo(f"{config}: {name} added")
    where = "" if course == Path() else f" --course {shlex.quote(str(course))}"
    typer.echo("\nIt verifies as it is; edit it, verify it again and release it:")
    typer.echo(f"  jupyter lab {shlex.quote(str(course / files[0]))}")
    typer.echo(f"  autograder verify {name}{where}")
    typer.echo(f"  autograder release {name}{where}")


@app.command()
def release(
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Release also what `verify` has not proven.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Make the students' notebooks in assignments/ and enter them in the gradebook.

    An assignment has to be verified as it is now: see `autograder verify`.
    """
    with sentences():
        from autograder.course import Course
        from autograder.delays import due_change
        from autograder.judge.batch import examine_checks
        from autograder.record.gradebook import Gradebook
        from autograder.record.plain import load_plain, register, release_plain
        from autograder.record.release import release as make
        from autograder.record.released import released_notebook
        from autograder.turn import turn
        from autograder.verify.proof import proven

        here = Course.at(course)
        names = list(assignments or here.config.assignments)
        loaded = [here.assignment(name) for name in names if not here.is_plain(name)]
        for assignment in loaded:
            examine_checks(assignment, here.policy(assignment.name))
        unproven = [one.name for one in loaded if not proven(one, here.policy(one.name))]
        if unproven and not unverified:
            raise AuthorError(
                f"not verified as it is now: {', '.join(unproven)}; run `autograder verify "
                f"{' '.join(unproven)}`, or release with --unverified."
            )
        ours = {one.name: one for one in loaded}
        for name in names:
            path = here.released(name).relative_to(here.root)
            with turn(here, f"release {name}", notice):
                changed = make(here, ours[name]) if name in ours else release_plain(here, name)
                with Gradebook(here.db_url) as book:
                    if name in ours:
                        changes = book.register(name, released_notebook(here, ours[name]))
                    else:
                        path, changes = path.parent, register(book, load_plain(here, name))
                    for change in changes:
                        notice(f"{name}: {change}; scores given by hand are kept.")
                    moved = due_change(here, name)
                    if moved is not None:
                        book.settle(name, here.config.due(name), {})
            if moved:
                notice(moved)
            if not quiet:
                said = "released" if changed else "already up to date"
                doubt = ", NOT VERIFIED" if name in unproven else ""
                typer.echo(f"{path}: {said}{doubt}")


@app.command()
def grade(
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    jobs: JobsOption = None,
    student: Annotated[
        list[str] | None,
        typer.Option("--student", metavar="ID", help="Only this student; may be repeated."),
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="Where probes run.")] = Device.auto,
    force: Annotated[
        bool, typer.Option("--force", help="Observe and judge again what has not changed.")
    ] = False,
    executor: Annotated[
        Executor, typer.Option("--executor", help="Where notebooks run.")
    ] = Executor.local,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="NAME|ADDRESS",
            help="For --executor dask: a cluster of the config, or a scheduler's address.",
            show_default="the config's only one",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write the reports: an object, or a list of them for several assignments.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Grade what was handed in under submitted/ and has changed since; print a table.

    Exit status 0: graded; 2: a mistake in the config, an assignment or the command; 3: something
    could not be graded through no fault of a student's.
    """
    runs_here = executor is Executor.local
    # Before even the config is read, which takes as long as a submission.
    with sentences(), _early() if runs_here and force else nullcontext() as early:
        from autograder.cluster.entry import choose
        from autograder.course import Course

        here = Course.at(course)
        log_to(here.state / "log")
        chosen = list(assignments or here.config.assignments)
        if runs_here and cluster is not None:
            end("--cluster is for --executor dask.", USAGE)
        with _begun(here, chosen, early) if runs_here else nullcontext() as starting:
            with uncollected():
                from autograder.exam import Options
                from autograder.grading import Grader, write_json
                from autograder.render.json import batch_json
                from autograder.render.table import Progress, results

            options = Options(device=device.value, force=force, students=tuple(student or ()))
            if not runs_here:
                chosen_cluster = choose(here.config.clusters, cluster)
                options = replace(options, cluster=chosen_cluster, jobs=CLUSTER_JOBS)
            options = replace(options, jobs=jobs) if jobs else options
            batches = []
            with (
                Progress(quiet) as progress,
                Grader(here, options, tuple(chosen), notice=notice, starting=starting) as grader,
            ):
                for name in chosen:
                    if not here.is_plain(name):
                        here.assignment(name)
                for name in chosen:
                    grader.progress = progress.of(name)
                    batches.append(batch_json(name, grader.grade(name)))
        if json_file is not None:
            write_json(json_file, batches[0] if len(batches) == 1 else batches)
        if not quiet:
            results(batches, here, grader.before)
        waiting = [
            report["student"]
            for batch in batches
            for report in batch["reports"]
            if "waits_for" in report
        ]
        broken = [
            (batch["assignment"], report["student"])
            for batch in batches
            for report in batch["reports"]
            if report["status"] == "broken" and "waits_for" not in report
        ]
        if broken:
            named = ", ".join(f"{who} ({what})" for what, who in broken[:10])
            raise MachineError(f"could not grade {named}; see {here.state / 'log'}.")
        if waiting:
            raise MachineError(
                f"{len(waiting)} not graded: they wait for a device that is not here or was not "
                "asked for (`without_device: wait`); grade again where it is."
            )


def _early() -> AbstractContextManager[Starting]:
    """A sandbox that starts before anything is known of the course."""
    from autograder.isolation import Starting

    return closing(Starting())


@contextmanager
def _begun(here: Course, names: Sequence[str], early: Starting | None) -> Iterator[Starting | None]:
    """A sandbox that starts while all else is imported, if there is something to be run: the
    ``early`` one, if it is of the kind that the course wants."""
    from autograder.isolation import Starting

    if early is not None and early.isolation == here.config.sandbox:
        yield early
        return
    if early is not None:
        early.close()
    elif not any(map(here.has_new, names)):
        yield None
        return
    with closing(Starting(here.config.sandbox)) as starting:
        yield starting


@app.command()
def watch(
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    inbound: Annotated[
        Path | None,
        typer.Option(
            "--inbound",
            metavar="DIR",
            help="Collect from here.",
            show_default="the configured exchange's inbound/, if there is one",
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, max=3600, help="Seconds between two looks.")
    ] = 1.0,
    no_feedback: Annotated[
        bool, typer.Option("--no-feedback", help="Grade only: make and release no pages.")
    ] = False,
    jobs: JobsOption = None,
    device: Annotated[Device, typer.Option("--device", help="Where probes run.")] = Device.auto,
    once: Annotated[
        bool, typer.Option("--once", help="End when all that is there is graded.")
    ] = False,
    log: Annotated[
        LogForm, typer.Option("--log", help="Lines for people, or one JSON object a line.")
    ] = LogForm.text,
) -> None:
    """Grade what arrives, as it arrives, until stopped; make its feedback page at once.

    For exercises that students practise with: where the config names an exchange, or --inbound
    does, submissions are collected from there, and in the exchange the page is released at once,
    so that students may fetch it seconds later. Name the assignments, or use --no-feedback, where
    they are not to have their answers yet.
    """
    with sentences():
        from autograder.exam import Options
        from autograder.render.table import outcome
        from autograder.watch.log import Log
        from autograder.watch.service import Service, Settings

        options = Options(device=device.value)
        options = replace(options, jobs=jobs) if jobs else options
        asked = Settings(tuple(assignments or ()), inbound, interval, not no_feedback, once)
        told = Log(sys.stdout, log is LogForm.json, outcome)
        service = Service(course.resolve(), asked, options, told)
        log_to(course.resolve() / ".autograder" / "log")
        service.run()
        if service.held:
            raise AuthorError(next(iter(service.held.values())))
        if service.ungraded:
            named = ", ".join(f"{who} ({what})" for who, what in sorted(service.ungraded)[:10])
            raise MachineError(f"could not grade {named}; see .autograder/log.")


@app.command()
def log(
    student: Annotated[str, typer.Option("--student", metavar="ID", help="Whose results.")],
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    entry: Annotated[
        int | None,
        typer.Option(
            "--entry", min=1, metavar="N", help="All that this entry said; of one assignment."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write all of it: an object, or a list of them for several assignments.",
        ),
    ] = None,
) -> None:
    """Show each result that a student had: when, what changed, why, and what it rests on.

    Below the results stands what the gradebook has now, with the scores that were given by hand.
    """
    with sentences():
        from rich.console import Console

        from autograder.course import Course
        from autograder.grading import write_json
        from autograder.logbook import chosen, logged, refuse_unknown, told
        from autograder.render.log import log_text, report_text

        here = Course.at(course)
        names = logged(here, assignments)
        if entry is not None and len(names) != 1:
            raise AuthorError("--entry: name the one assignment whose entry it is.")
        refuse_unknown(here, names, student)
        found = [told(here, name, student) for name in names]
        if json_file is not None:
            write_json(json_file, found[0] if len(found) == 1 else found)
        console = Console()
        if entry is not None:
            number, _, _ = chosen(here, names[0], student, entry)
            report_text(found[0]["entries"][number - 1], console)
            return
        for one in found:
            log_text(one, console)


@app.command()
def replay(
    assignment: Annotated[str, typer.Argument(metavar="ASSIGNMENT")],
    student: Annotated[str, typer.Option("--student", metavar="ID", help="Whose result.")],
    course: CourseOption = Path(),
    entry: Annotated[
        int | None,
        typer.Option(
            "--entry",
            min=1,
            metavar="N",
            help="Which one of `autograder log`.",
            show_default="the newest",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the report and what differs."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Judge a result again, from the observations and by the checks of that time.

    Changes nothing. Exit status 0: the same report came out; 1: another one, and where; 3: what it
    rests on is gone or was changed.
    """
    with sentences():
        from rich.console import Console

        from autograder.appeal import replay as judge_again
        from autograder.course import Course
        from autograder.grading import write_json
        from autograder.logbook import chosen, logged, refuse_unknown
        from autograder.render.log import replay_text

        here = Course.at(course)
        log_to(here.state / "log")
        (name,) = logged(here, [assignment])
        refuse_unknown(here, [name], student)
        number, of, result = chosen(here, name, student, entry)
        again = judge_again(here, name, result)
        if json_file is not None:
            write_json(json_file, {**again.json(), "entry": number})
        if not quiet:
            replay_text(again, number, of, Console())
        if not again.same:
            end(f"{student}'s {name} came out differently when it was judged again.", FAILED)


@app.command()
def verify(
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    jobs: JobsOption = None,
    device: Annotated[Device, typer.Option("--device", help="Where probes run.")] = Device.auto,
    mutants: Annotated[
        int | None,
        typer.Option(
            "--mutants", min=0, metavar="N", help="For a quick look: N at most, and no proof noted."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all that was found: a list."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Prove assignments before their release: what is right gets every point, what is wrong loses.

    Runs the reference again and again, the untouched stub, every misconception and generated
    mutants of the solution. Exit status 1 if something does not hold. What holds is noted beside
    the source, in proof_<assignment>.json, and `release` asks for it.
    """
    with sentences():
        from rich.console import Console

        from autograder.course import Course
        from autograder.exam import Exam, Options
        from autograder.grading import Grader, write_json
        from autograder.judge.batch import examine_checks
        from autograder.plain.grading import tests_that_fail
        from autograder.record.released import released_notebook
        from autograder.render.proof import proof_text
        from autograder.render.table import Doing
        from autograder.verify.prove import MUTANTS, prove

        here, proofs, failed = Course.at(course), [], []
        log_to(here.state / "log")
        chosen = list(assignments or here.config.assignments)
        options = Options(device=device.value)
        options = replace(options, jobs=jobs) if jobs else options
        loaded = [here.assignment(name) for name in chosen if not here.is_plain(name)]
        for assignment in loaded:
            examine_checks(assignment, here.policy(assignment.name))
        with Grader(here, options, tuple(chosen)) as grader, Doing(quiet) as doing:
            for assignment in loaded:
                exam = Exam(here, assignment, grader.sandbox, options)
                proof = prove(
                    exam,
                    released_notebook(here, assignment),
                    limit=MUTANTS if mutants is None else mutants,
                    progress=doing.of(assignment.name),
                )
                proofs.append(proof)
                if not (proof.partial and proof.holds):
                    write_json(assignment.proof_path, proof.summary())
                if not quiet:
                    proof_text(proof, Console())
            for name in (one for one in chosen if here.is_plain(one)):
                count, problems = tests_that_fail(grader, name)
                for problem in problems:
                    typer.echo(f"{name}: its own solution does not pass: {problem}")
                if problems:
                    failed.append(name)
                elif not quiet:
                    said = f"its own solutions pass its {count} tests"
                    typer.echo(f"{name}: {said}; without checks of ours nothing else is proven.")
        if json_file is not None:
            write_json(json_file, [one.json() for one in proofs])
        failed += [one.assignment for one in proofs if not one.holds]
        if failed:
            end(f"not verified: {', '.join(failed)}.", FAILED)


@app.command()
def feedback(
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    quiet: QuietOption = False,
) -> None:
    """Make the students' feedback pages in feedback/ from what was graded."""
    with sentences():
        from autograder.course import Course
        from autograder.record.feedback import make_feedback
        from autograder.turn import turn

        here = Course.at(course)
        for name in assignments or here.config.assignments:
            if not here.is_plain(name):
                here.assignment(name)
            with turn(here, f"feedback {name}", notice):
                fresh, pages = make_feedback(here, name)
            if not quiet:
                typer.echo(f"{name}: {pages} feedback pages, {fresh} of them made now")
        if not quiet:
            typer.echo(f"feedback pages: {here.root / 'feedback'}")


@app.command()
def export(
    assignments: AssignmentArguments = None,
    course: CourseOption = Path(),
    format: Annotated[
        ExportFormat, typer.Option("--format", help="What the grades are for.")
    ] = ExportFormat.csv,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="The file; for gradescope the folder.",
            show_default="in the course's exports/",
        ),
    ] = None,
    student: Annotated[
        list[str] | None,
        typer.Option("--student", metavar="ID", help="Only this student; may be repeated."),
    ] = None,
    excel: Annotated[
        ExcelForm | None,
        typer.Option(
            "--excel",
            help="Let Excel show accents and numbers: with decimal points (Mexico), or with "
            "decimal commas and semicolons (Spain, Argentina). Only for csv.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what another program wrote or changed.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Write the gradebook's grades to a file: a table, or what a learning platform imports.

    Scores given by hand and late penalties are in them; penalties are brought up to date first.
    """
    with sentences():
        from autograder.course import Course
        from autograder.export.files import LEDGER, put
        from autograder.export.formats import FORMATS
        from autograder.export.plain import as_csv
        from autograder.record.export import course_grades

        if excel is not None and format is not ExportFormat.csv:
            end(f"--excel is for --format csv; {format.value} has a form of its own.", USAGE)
        here, form = Course.at(course), FORMATS[format.value]
        grades = course_grades(here, tuple(assignments or ()), tuple(student or ()), notice)
        exported = as_csv(grades, excel.value) if excel else form.export(grades)
        target = here.root / "exports" / form.target
        if to is not None:
            target = to / form.target if to.is_dir() and not form.folder else to
            if not target.absolute().parent.is_dir():
                end(f"--to {to}: there is no folder {target.absolute().parent}.", USAGE)
        changed = put(target, exported.files, here.state / LEDGER, force=force)
        for note in exported.notes:
            notice(f"{format.value}: {note}")
        if not quiet:
            what = f"{len(exported.files)} files, {changed} of them written now"
            said = what if form.folder else "written" if changed else "already up to date"
            typer.echo(f"{target}: {said}")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="Your notebook.", metavar="NOTEBOOK")],
    language: Annotated[
        str, typer.Option("--language", metavar="es|en", help="What to answer in.")
    ] = "es",
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="How long a cell may take.")
    ] = 30.0,
) -> None:
    """Check your own notebook before you hand it in: run it from top to bottom and say what fails.

    Needs no course and no sandbox. Exit status 1 if something does not hold.
    """
    from autograder.render.own import own_result
    from autograder.selfcheck import NotANotebook, check_notebook
    from autograder.words import LANGUAGES, Words

    if language not in LANGUAGES:
        end(f"--language {language}: there are {' and '.join(LANGUAGES)}.", USAGE)
    try:
        result = check_notebook(notebook, language, seconds)
    except NotANotebook as error:
        end(Words(language).unreadable(error.why, str(notebook)), USAGE)
    typer.echo(own_result(result, Words(language)))
    raise SystemExit(0 if result.passed and result.exercises else 1)


@app.command()
def doctor(course: CourseOption = Path()) -> None:
    """Say what of this machine is ready for grading, and how to mend what is not.

    Exit status 1 if `grade` would refuse.
    """
    from autograder.doctor import examine_machine

    marks = {"ok": "ok  ", "weak": "weak", "bad": "BAD "}
    states = set()
    for row in examine_machine(course):
        states.add(row.state)
        typer.echo(f"{marks[row.state]}  {row.thing}: {row.said}")
        if row.mend:
            typer.echo(f"      → {row.mend}")
    raise SystemExit(1 if "bad" in states else 0)
