"""Prove an assignment: run right and wrong solutions of it through the whole pipeline.

Everything is observed in the sandbox and judged by the assignment's own checks, as a student's
submission is; nothing is recorded.
"""

from __future__ import annotations

import ast
import copy
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

from nbformat import NotebookNode

from autograder.config import Assignment as Policy
from autograder.diagnosis.diagnose import diagnose
from autograder.exam import Exam, observed_in
from autograder.judge.batch import Batch, Judged, Key, judge
from autograder.judge.seen import Observed
from autograder.observe import Trial
from autograder.submission import Submission, as_submission, reference
from autograder.verify.cell import parse
from autograder.verify.equivalence import shows_the_same
from autograder.verify.leaks import leaks
from autograder.verify.mutants import Mutant, diff, mutants, thin
from autograder.verify.proof import ENOUGH, Claim, Margin, Mutated, Proof, digest_of

__all__ = ["MUTANTS", "prove"]

MUTANTS = 240
"""How many mutants an assignment has at most; more are thinned evenly over the operators."""
REPEATS = 10
CLEAR = 10.0
"""A margin below this is a warning."""
STARTER, SILENT = "(starter)", "(starter that does not raise)"
STUB = re.compile(r"^(\s*)raise NotImplementedError\b.*$", re.MULTILINE)
POINTS = 0.01
"""Points that differ by no more are the same: thirds are written with two decimals."""
BY_VALUE = {"values", "unmoved", "other_seed", "trajectory"}
"""Findings of answers that are wrong in nothing but their numbers."""


def prove(
    exam: Exam, released: NotebookNode, *, limit: int = MUTANTS, progress: Callable[[str], None]
) -> Proof:
    """Everything that is to hold of the exam's assignment before students meet it.

    ``released`` is its release as the source makes it now; ``progress`` is told what is being done.
    """
    return _Prover(exam, released, limit, progress).run()


@dataclass(frozen=True)
class _Run:
    """One more run of the reference: with ``threads`` of torch's, and generators that start
    ``start`` further on."""

    name: str
    threads: int = 1
    start: int = 0


TWO_THREADS, OTHER_START = _Run("(2 threads)", threads=2), _Run("(another start)", start=1)
RUNS = (*(_Run(f"(run {number})") for number in range(1, REPEATS + 1)), TWO_THREADS, OTHER_START)


@dataclass
class _Prover:
    exam: Exam
    released: NotebookNode
    limit: int
    progress: Callable[[str], None]
    checks: list[Judged] = field(default_factory=list)
    """Every check, on the reference."""
    failing: set[Key] = field(default_factory=set)
    """Checks that a wrong answer failed although it ran: what raises fails any check."""
    noise: dict[Key, float] = field(default_factory=dict)
    """How far off, in tolerances, the reference was from itself."""
    wrong: dict[Key, float] = field(default_factory=dict)
    """How far off, in tolerances, the nearest wrong answer of a check was."""

    @property
    def policy(self) -> Policy:
        return self.exam.policy

    @cached_property
    def proof(self) -> Proof:
        assignment = self.exam.assignment
        return Proof(assignment.name, digest_of(assignment, self.policy), devices=self.exam.devices)

    def run(self) -> Proof:
        begun = time.monotonic()
        steps = (
            ("reference", self._reference),
            ("starter", self._starter),
            ("release", self._release),
            ("misconceptions", self._misconceptions),
            ("mutants", self._mutants),
            ("checks", self._checks),
        )
        for name, step in steps:
            self.progress(name)
            self.proof.claims.append(step())
        self.proof.seconds = time.monotonic() - begun
        return self.proof

    # --- what is right ------------------------------------------------------------------------

    def _reference(self) -> Claim:
        batch = self._judged(self._repeated())
        self.checks = batch.results[RUNS[0].name]
        for judged in (one for run in RUNS for one in batch.results[run.name]):
            if judged.distance is not None:
                self.noise[judged.key] = max(self.noise.get(judged.key, 0.0), judged.distance)
        failed = {
            run.name: {one.key for one in batch.results[run.name] if one.failed} for run in RUNS
        }
        problems = [
            f"{judged.exercise}: {judged.result.english!r} {why}"
            for judged in self.checks
            if (why := _unsteady(judged.key, failed))
        ]
        right = sum(not keys for keys in failed.values())
        return Claim(
            "reference",
            f"every point in {right} of {len(RUNS)} runs ({REPEATS} alike, one with 2 threads, one "
            f"with generators that start elsewhere), on {', '.join(self.exam.devices)}",
            problems,
        )

    def _repeated(self) -> dict[str, Observed]:
        """The reference by ``RUNS``, observed anew and to be judged like a student's work."""
        solution, trials = reference(self.exam.assignment), range(self.policy.trials)
        watch = self.exam.observer.watch
        with ThreadPoolExecutor(self.exam.options.jobs) as pool:
            waiting = {
                run.name: [
                    pool.submit(watch, solution, trial, threads=run.threads, start=run.start)
                    for trial in trials
                ]
                for run in RUNS
            }
            return {
                name: replace(
                    self.exam.reference,
                    trials=[one.result() for one in running],
                    is_reference=False,
                )
                for name, running in waiting.items()
            }

    def _starter(self) -> Claim:
        assignment = self.exam.assignment
        starters = {
            STARTER: as_submission(assignment, self.released),
            SILENT: as_submission(assignment, _silent(self.released)),
        }
        batch = self._judged(self._observe(starters))
        passing = [one for one in batch.results[STARTER] if one.result.outcome == "passed"]
        problems = [
            f"{one.exercise}: {one.result.english!r} passes for the untouched stub."
            for one in passing
        ]
        known = {one.key for one in passing}
        given = [
            one
            for one in batch.results[SILENT]
            if one.result.outcome == "passed" and one.result.points > 0 and one.key not in known
        ]
        problems += [
            f"{one.exercise}: {one.result.english!r} passes for the stub once it no longer raises: "
            "it accepts anything, or a part of the solution stands outside its region."
            for one in given
        ]
        count = len(passing) + len(given)
        return Claim("starter", f"{count or 'no'} check{'s' * (count > 1)} passed", problems)

    def _release(self) -> Claim:
        problems = list(leaks(self.exam.assignment, self.released))
        return Claim("release", f"{len(problems) or 'nothing'} hidden shows in it", problems)

    # --- what is wrong ------------------------------------------------------------------------

    def _misconceptions(self) -> Claim:
        assignment, known = self.exam.assignment, self.exam.misconceptions
        path = assignment.misconceptions_path
        wrong = {one.alias: reference(assignment, {one.exercise: one.cell}) for one in known}
        batch = self._judged(self._observe(wrong))
        diagnose(batch, batch, known)
        problems, puzzled, honest = [], [], 0
        for one in known:
            self._note(batch.results[one.alias])
            told = Counter(_told(each) for each in batch.results[one.alias] if each.failed)
            self.proof.confusion[one.id] = dict(told.most_common())
            if not told or told.most_common(1)[0][0] != one.id:
                puzzled.append(one.id)
            wrongly = [
                f"{path}:{one.line}: {one.id!r} loses {lost:.2f} points of {exercise!r}, "
                f"not {one.loses.get(exercise, 0.0):g}."
                for exercise, lost in _lost(batch, one.alias).items()
                if abs(lost - one.loses.get(exercise, 0.0)) > POINTS
            ]
            honest += not wrongly
            problems += wrongly
        right = len(known) - len(puzzled)
        if known and right / len(known) < ENOUGH:
            problems.append(
                f"{path}: fewer than {ENOUGH:.0%} of the misconceptions are told their own "
                f"sentence: not {', '.join(puzzled)}."
            )
        said = f"{honest} of {len(known)} lose what they say; {right} are told their own sentence"
        return Claim("misconceptions", said, problems, [] if known else [f"{path}: there is none."])

    def _mutants(self) -> Claim:
        made = self._made()
        self.proof.mutants = len(made)
        assignment = self.exam.assignment
        submissions = {
            name: reference(assignment, {exercise: mutant.source})
            for name, (exercise, mutant) in made.items()
        }
        # Most are caught in trial 0, so only the others get the later ones.
        batch = self._judged(self._observe(submissions, trials=1), trials=1)
        alive = {}
        for name in made:
            self._note(batch.results[name])
            if not any(one.failed for one in batch.results[name]):
                alive[name] = submissions[name]
        seen = self._observe(alive)
        batch = self._judged(seen)
        for name in alive:
            self._note(batch.results[name])
            if not any(one.failed for one in batch.results[name]):
                same = shows_the_same(self.exam.reference, seen[name])
                found = self.proof.equivalent if same else self.proof.survivors
                found.append(self._mutated(*made[name]))
        survivors, equivalent = len(self.proof.survivors), len(self.proof.equivalent)
        real = len(made) - equivalent
        caught = real - survivors
        share = caught / real if real else 1.0
        said = f"{caught} of {real} caught ({share:.1%}); {equivalent} more are equivalent"
        few = f"fewer than {ENOUGH:.0%} of the mutants are caught; the survivors are listed."
        return Claim("mutants", said, [] if share >= ENOUGH else [few])

    def _mutated(self, exercise: str, mutant: Mutant) -> Mutated:
        source = self._solution(exercise)
        return Mutated(exercise, mutant.operator, mutant.line, mutant.change, diff(source, mutant))

    def _solution(self, exercise: str) -> str:
        assignment = self.exam.assignment
        return str(assignment.notebook.cells[assignment.cells[exercise].index].source)

    def _made(self) -> dict[str, tuple[str, Mutant]]:
        """The mutants of all solution cells, by a name for the batch."""
        sources = {one.id: self._solution(one.id) for one in self.exam.assignment.exercises}
        functions = {name for source in sources.values() for name in _functions(source)}
        every = [
            (exercise, mutant)
            for exercise, source in sources.items()
            for mutant in mutants(source, functions=functions)
        ]
        self.proof.partial = self.limit < min(MUTANTS, len(every))
        chosen = thin(every, self.limit, lambda pair: pair[1].operator)
        return {f"(mutant {number})": pair for number, pair in enumerate(chosen)}

    # --- the checks ---------------------------------------------------------------------------

    def _checks(self) -> Claim:
        """Points agree and every exercise has a check: else nothing could have been judged."""
        path, problems, warnings = self.exam.assignment.checks_path, [], []
        for judged in self.checks:
            title, key = judged.result.english, judged.key
            if key not in self.failing:
                problems.append(
                    f"{path}:{judged.place}: no wrong answer that ran failed {title!r}; add a "
                    f"misconception of {judged.exercise!r} that it notices."
                )
            noise, wrong = self.noise.get(key), self.wrong.get(key, math.inf)
            margin = Margin(
                judged.exercise,
                title,
                1 / noise if noise else None,
                wrong if math.isfinite(wrong) else None,
            )
            self.proof.margins.append(margin)
            if margin.noise is not None and margin.noise < CLEAR:
                warnings.append(
                    f"{judged.exercise}: {title!r}: the tolerance is only {margin.noise:.1f} times "
                    "the reference's own noise."
                )
            if margin.wrong is not None and margin.wrong < CLEAR:
                warnings.append(
                    f"{judged.exercise}: {title!r}: a wrong answer is only {margin.wrong:.1f} "
                    "times the tolerance off."
                )
        seen = len(self.checks) - len(problems)
        said = f"{seen} of {len(self.checks)} seen to fail; points agree with the notebook"
        return Claim("checks", said, problems, warnings)

    def _note(self, results: Iterable[Judged]) -> None:
        """Remember which checks a wrong answer failed, and how near it came to passing."""
        for judged in results:
            finding = judged.result.finding
            if judged.result.outcome != "failed" or finding is None:
                continue
            self.failing.add(judged.key)
            if finding.kind in BY_VALUE and judged.distance is not None:
                self.wrong[judged.key] = min(self.wrong.get(judged.key, math.inf), judged.distance)

    # --- how ----------------------------------------------------------------------------------

    def _observe(
        self, submissions: Mapping[str, Submission], *, trials: int | None = None
    ) -> dict[str, Observed]:
        policy = self.policy if trials is None else self._of_trials(trials)
        observer = replace(self.exam.observer, policy=policy)

        def one(submission: Submission) -> Observed:
            seen: Sequence[Trial] = observer.observe(submission)
            return observed_in(seen, submission, self.exam.assignment)

        with ThreadPoolExecutor(self.exam.options.jobs) as pool:
            return dict(zip(submissions, pool.map(one, submissions.values()), strict=True))

    def _judged(self, seen: Mapping[str, Observed], *, trials: int | None = None) -> Batch:
        policy = self.policy if trials is None else self._of_trials(trials)
        exam = self.exam
        batch = Batch(exam.assignment, policy, exam.reference, seen, exam.devices)
        judge(batch)
        return batch

    def _of_trials(self, trials: int) -> Policy:
        return self.policy.model_copy(update={"trials": trials})


def _unsteady(key: Key, failed: Mapping[str, set[Key]]) -> str:
    """Why a check that fails in some of ``RUNS`` does, as the end of a sentence."""
    count = sum(key in failed[run.name] for run in RUNS[:REPEATS])
    if count:
        return f"does not pass in {count} of {REPEATS} equal runs: it is not deterministic."
    if key in failed[TWO_THREADS.name]:
        return "does not pass with 2 threads."
    if key in failed[OTHER_START.name]:
        return "does not pass when the generators start elsewhere: something draws without a seed."
    return ""


def _silent(released: NotebookNode) -> NotebookNode:
    """The release with stubs that raise nothing, so that what stands behind them runs."""
    silent = copy.deepcopy(released)
    for cell in silent.cells:
        if cell.cell_type == "code":
            cell.source = STUB.sub(r"\1pass", cell.source)
    return silent


def _lost(batch: Batch, student: str) -> dict[str, float]:
    """Points lost, by exercise."""
    return {one.id: one.max_score - one.score for one in batch.exercises(student)}


def _told(judged: Judged) -> str:
    """What the diagnosis says: a misconception's id, the kind of a general one, or nothing."""
    for reason in judged.result.reasons:
        return str(reason.details.get("id", reason.kind))
    return "-"


def _functions(source: str) -> set[str]:
    tree = parse(source)
    nodes = () if tree is None else ast.walk(tree)
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
