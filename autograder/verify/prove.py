"""Prove an assignment: run right and wrong solutions of it through the whole pipeline.

Everything is observed in the sandbox and judged by the assignment's own checks, as a student's
submission is; nothing is recorded.
"""

from __future__ import annotations

import ast
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nbformat import NotebookNode

from autograder.config import Assignment as Policy
from autograder.diagnosis.agreement import agree
from autograder.diagnosis.diagnose import diagnose
from autograder.grading import REFERENCE, Exam, observed_in
from autograder.judge.batch import Batch, Judged, judge
from autograder.judge.seen import Broken, Item, Looked, Observed
from autograder.observe import Trial
from autograder.submission import Submission, as_submission, reference
from autograder.verify.leaks import leaks
from autograder.verify.mutants import Mutant, diff, mutants, thin
from autograder.verify.proof import ENOUGH, Claim, Margin, Mutated, Proof, digest_of

__all__ = ["MUTANTS", "prove"]

MUTANTS = 240
"""How many mutants an assignment has at most; more are thinned evenly over the operators."""
REPEATS, THREADS = 10, (1, 2)
CLEAR = 10.0
"""A margin below this is a warning."""
STARTER = "(starter)"
POINTS = 0.01


def prove(
    exam: Exam, released: NotebookNode, *, limit: int = MUTANTS, progress: Callable[[str], None]
) -> Proof:
    """Everything that is to hold of the exam's assignment before students meet it.

    ``released`` is its release as the source makes it now; ``progress`` is told what is being done.
    """
    return _Prover(exam, released, limit, progress).run()


@dataclass
class _Prover:
    exam: Exam
    released: NotebookNode
    limit: int
    progress: Callable[[str], None]
    failing: set[tuple[str, int, str]] = field(default_factory=set)
    """Checks that were seen to fail, for whomever."""
    wrong: dict[tuple[str, int, str], float] = field(default_factory=dict)
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
        solution, trials = reference(self.exam.assignment), range(self.policy.trials)
        runs = [(f"(run {number})", THREADS[0]) for number in range(1, REPEATS + 1)]
        runs += [(f"({threads} threads)", threads) for threads in THREADS[1:]]
        with ThreadPoolExecutor(self.exam.options.jobs) as pool:
            waiting = {
                name: [
                    pool.submit(self.exam.observer.watch, solution, trial, threads=threads)
                    for trial in trials
                ]
                for name, threads in runs
            }
            seen = {
                name: replace(self.exam.reference, trials=[one.result() for one in trial])
                for name, trial in waiting.items()
            }
        batch = self._judged(seen)
        problems = [
            f"{name}: {judged.exercise}: {judged.result.english!r} does not pass."
            for name in seen
            for judged in batch.results[name]
            if judged.result.outcome not in ("passed", "not_run")
        ]
        noise: dict[tuple[str, int, str], float] = {}
        for name in seen:
            for judged in batch.results[name]:
                if judged.distance is not None:
                    noise[judged.key] = max(noise.get(judged.key, 0.0), judged.distance)
        self.noise = noise
        said = f"every point in {len(runs)} runs, with {' and '.join(map(str, THREADS))} threads"
        return Claim("reference", f"{said}, on {', '.join(self.exam.devices)}", problems)

    def _starter(self) -> Claim:
        starter = as_submission(self.exam.assignment, self.released)
        seen = self._observe({STARTER: starter})
        batch = self._judged(seen)
        problems = [
            f"{judged.exercise}: {judged.result.english!r} passes for the untouched stub."
            for judged in batch.results[STARTER]
            if judged.result.outcome == "passed" and judged.result.points > 0
        ]
        self._note(batch.results[STARTER])
        return Claim("starter", "no point, and no check passes", problems)

    def _release(self) -> Claim:
        problems = list(leaks(self.exam.assignment, self.released))
        return Claim("release", "nothing hidden shows in it", problems)

    # --- what is wrong ------------------------------------------------------------------------

    def _misconceptions(self) -> Claim:
        assignment, known = self.exam.assignment, self.exam.misconceptions
        path = assignment.misconceptions_path
        wrong = {one.alias: reference(assignment, {one.exercise: one.cell}) for one in known}
        batch = self._judged(self._observe(wrong))
        diagnose(batch, batch, known)
        problems, right = [], 0
        for one in known:
            results = batch.results[one.alias]
            self._note(results)
            lost = {
                exercise.id: exercise.max_score - exercise.score
                for exercise in batch.exercises(one.alias)
            }
            for exercise, points in lost.items():
                expected = one.loses.get(exercise, 0.0)
                if abs(points - expected) > POINTS:
                    problems.append(
                        f"{path}:{one.line}: {one.id!r} loses {points:.2f} points of {exercise!r}, "
                        f"not {expected:g}."
                    )
            told = Counter(map(_told, (each for each in results if _failed(each))))
            self.proof.confusion[one.id] = dict(told.most_common())
            right += bool(told) and told.most_common(1)[0][0] == one.id
        share = right / len(known) if known else 1.0
        if share < ENOUGH:
            problems.append(f"only {share:.0%} of the misconceptions are told their own sentence.")
        said = f"{len(known)} lose what they say; {right} are told their own sentence"
        warnings = [] if known else [f"{path.name}: there are none yet."]
        return Claim("misconceptions", said, problems, warnings)

    def _mutants(self) -> Claim:
        made = self._made()
        self.proof.mutants = len(made)
        assignment = self.exam.assignment
        submissions = {
            name: reference(assignment, {exercise: mutant.source})
            for name, (exercise, mutant) in made.items()
        }
        # Most are caught in trial 0, so only the others get the later ones.
        first = self._observe(submissions, trials=1)
        batch = self._judged(first, trials=1)
        for name in made:
            self._note(batch.results.get(name, ()))
        alive = [name for name in made if not any(map(_failed, batch.results[name]))]
        later = self._observe({name: submissions[name] for name in alive})
        batch = self._judged(later)
        for name in alive:
            self._note(batch.results[name])
            if any(map(_failed, batch.results[name])):
                continue
            exercise, mutant = made[name]
            index = assignment.cells[exercise].index
            source = assignment.notebook.cells[index].source
            told = Mutated(
                exercise, mutant.operator, mutant.line, mutant.change, diff(source, mutant)
            )
            same = self._same_as_reference(later[name])
            (self.proof.equivalent if same else self.proof.survivors).append(told)
        survivors, equivalent = len(self.proof.survivors), len(self.proof.equivalent)
        real = len(made) - equivalent
        caught = real - survivors
        share = caught / real if real else 1.0
        said = f"{caught} of {real} caught ({share:.1%}); {equivalent} more show what is right"
        problems = [] if share >= ENOUGH else [f"fewer than {ENOUGH:.0%} are caught."]
        return Claim("mutants", said, problems)

    def _made(self) -> dict[str, tuple[str, Mutant]]:
        """The mutants of all solution cells, by a name for the batch."""
        assignment = self.exam.assignment
        sources = {
            exercise.id: assignment.notebook.cells[assignment.cells[exercise.id].index].source
            for exercise in assignment.exercises
        }
        functions = {name for source in sources.values() for name in _functions(source)}
        every = [
            (exercise, mutant)
            for exercise, source in sources.items()
            for mutant in mutants(source, functions=functions)
        ]
        chosen = thin(every, self.limit, lambda pair: pair[1].operator)
        return {f"(mutant {number})": pair for number, pair in enumerate(chosen)}

    # --- the checks ---------------------------------------------------------------------------

    def _checks(self) -> Claim:
        """Points agree and every exercise has a check: else nothing could have been judged."""
        problems, warnings = [], []
        every = self._judged({}).results[REFERENCE]
        for judged in every:
            title, key = judged.result.english, judged.key
            if key not in self.failing:
                problems.append(
                    f"{self.exam.assignment.checks_path}:{judged.place}: {title!r} was never seen "
                    f"to fail; add a misconception of {judged.exercise!r} that it notices."
                )
            noise, wrong = self.noise.get(key), self.wrong.get(key)
            margin = Margin(
                judged.exercise,
                title,
                None if not noise else 1 / noise,
                wrong if wrong is not None and math.isfinite(wrong) else None,
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
                    "tolerances off."
                )
        said = f"{len(every)} checks, each seen to fail; points agree with the notebook"
        return Claim("checks", said, problems, warnings)

    def _note(self, results: Iterable[Judged]) -> None:
        """Remember which checks failed, and how near a wrong answer came to passing."""
        for judged in filter(_failed, results):
            self.failing.add(judged.key)
            finding = judged.result.finding
            by_value = finding is not None and finding.kind in ("values", "unmoved", "other_seed")
            if by_value and judged.distance is not None:
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
        model = self.exam.reference
        batch = Batch(
            self.exam.assignment, policy, model, {REFERENCE: model, **seen}, self.exam.devices
        )
        judge(batch)
        return batch

    def _of_trials(self, trials: int) -> Policy:
        return self.policy.model_copy(update={"trials": trials})

    def _same_as_reference(self, other: Observed) -> bool:
        """Whether all that can be seen is what the reference shows, in every trial."""
        model = self.exam.reference
        return all(
            agree(_look(model, item, number), _look(other, item, number))
            for number, trial in enumerate(model.trials)
            for item in _items(trial, model.names)
        )


def _items(trial: Any, names: Mapping[str, Sequence[str]]) -> Iterable[Item]:
    """Everything that there is to see in the reference's observation."""
    for exercise, asked in names.items():
        for name in asked:
            yield Item("name", exercise, name)
        for group in trial.snapshots[exercise].memory:
            yield Item("memory", exercise, " ".join(group))
        for probe, by_device in trial.probes.get(exercise, {}).items():
            for device in by_device:
                yield Item("probe", exercise, probe, device)


def _look(observed: Observed, item: Item, trial: int) -> Looked:
    from autograder.judge.finding import Finding

    try:
        return observed.look(item, trial)
    except (Broken, IndexError):
        return Finding("undefined")


def _failed(judged: Judged) -> bool:
    return judged.result.outcome not in ("passed", "not_run")


def _told(judged: Judged) -> str:
    """What the diagnosis says: a misconception's id, the kind of a general one, or nothing."""
    for reason in judged.result.reasons:
        return str(reason.details.get("id", reason.kind))
    return "-"


def _functions(source: str) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
