"""The sentences that students read, in Spanish and English. One pure function a thing to say.

A finding becomes one sentence; it never holds a hidden input or a value of the reference's that
the statement does not publish. The English stands here, marked for extraction; the Spanish in
``locale/es/LC_MESSAGES/autograder.po``, compiled beside it by ``make words``.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autograder.judge.finding import Finding

__all__ = ["LANGUAGES", "LOCALE", "Words", "harmless", "plain"]

LANGUAGES = ("es", "en")
LOCALE = Path(__file__).resolve().parent / "locale"
CONTEXT_END = "\x04"
"""Between context and sentence, as in gettext's own catalogues."""
PLAIN_NAME = re.compile(r"[\w .,()-]*")
MAX_SHOWN = 300
"""Characters of a name or a type: a student's class may be called anything."""


def N_(english: str) -> str:
    """Marks a sentence for extraction."""
    return english


def pN_(context: str, english: str) -> str:
    """Marks a word that has another translation elsewhere, or could have."""
    return f"{context}{CONTEXT_END}{english}"


FINDINGS: dict[str, str] = {
    "undefined": N_("`{name}` is not defined after the exercise's cell has run."),
    "elsewhere": N_(
        "`{name}` exists, but this exercise's cell did not define it: it is an earlier value or "
        "another cell's. Define it in the exercise's cell."
    ),
    "cell_raised": N_("`{name}` was never defined: the cell stopped{at} with {error}."),
    "raised_here": N_("The cell stops{at} with {error}."),
    "unsolved": N_("You have not solved this cell yet."),
    "cell_interrupted": N_(
        "`{name}` was never defined: the cell passed its time limit and was interrupted. Does "
        "your loop always end?"
    ),
    "solution_missing": N_(
        "The solution cell of this exercise is missing: it was deleted or lost nbgrader's mark."
    ),
    "solution_retyped": N_("The solution cell is no longer a code cell, so it is not run."),
    "blocked": N_("This cell never ran: an earlier cell {how}."),
    "run_timed_out": N_("The run passed its time limit in this cell. Does your loop always end?"),
    "run_out_of_memory": N_("This cell passed the memory limit and the run was stopped."),
    "run_out_of_cpu": N_(
        "This cell passed the limit of processor time and the run was stopped. Does your loop "
        "always end?"
    ),
    "run_too_many_processes": N_(
        "This cell passed the limit of processes and threads and the run was stopped."
    ),
    "run_died": N_("This cell ended the Python process, and the run with it."),
    "run_too_large": N_("This cell produced more data than is allowed and the run was stopped."),
    "run_garbled": N_("This cell interfered with the observation and the run was stopped."),
    "points_cut": N_("The output of this cell is too long to tell how many points it gives."),
    "run_finished": N_("This cell left nothing to observe."),
    "kind": N_("`{name}` is {got}; {asked} was asked for."),
    "shape": N_("`{name}` has shape {got}; {expected} was asked for."),
    "dtype": N_("`{name}` has dtype {got}; {expected} was asked for. The shape is right."),
    "device": N_("`{name}` is on {got} and should be on {expected}, where its inputs are."),
    "values": N_("`{name}`: the values differ{shown}{right}."),
    "unmoved": N_(
        "`{name}` is right under the seed asked for, but does not change with the seed: it seems "
        "to be written down instead of computed."
    ),
    "other_seed": N_(
        "`{name}` is right under the seed asked for, but not under others: something in the "
        "computation does not depend on the values before it."
    ),
    "later": N_("It holds for the first seeds and inputs that are tried, but not for others."),
    "not_finite": N_("`{name}` holds values that are not finite (inf or nan)."),
    "too_large": N_("`{name}` could not be recorded: it is too large or of a kind without values."),
    "length": N_("`{name}` has {got} elements; {expected} were asked for."),
    "keys": N_("`{name}` does not have the keys that were asked for."),
    "item_kind": N_("`{name}[{place}]` is {got}; {asked} was asked for."),
    "not_shared": N_("{names} do not share memory: one of them is a copy."),
    "call_raised": N_("`{name}` stopped{at} with {error}."),
    "call_interrupted": N_("The function passed its time limit. Does your loop always end?"),
    "probe_failed": N_("The function could not be used as asked: {error}."),
    "changed_argument": N_(
        "`{name}` changes the tensors that it is given (values, gradient or `requires_grad`): "
        "use operations that make new tensors."
    ),
    "built_in": N_(
        "`{name}` uses `{operator}`, which does the whole task; it was to be done by hand."
    ),
    "no_gradient": N_("`{name}` does not let gradients be computed (`requires_grad`)."),
    "not_detached": N_(
        "What `{name}` returns is still part of the graph: take it out with `detach`."
    ),
    "not_same": N_("`{name}` was to return the same tensor, and returns another one."),
    "updates": N_(
        "`{name}`: the updates are not those of batch gradient descent. Do you take the five "
        "steps with each batch: prediction, loss, `backward`, `step` and gradients to zero?"
    ),
    "never_zeroed": N_(
        "`{name}` does not set the gradients to zero after each batch: they add up."
    ),
    "step_too_early": N_(
        "`{name}` calls `step` before `backward`: each update uses the gradients of the batch "
        "before it."
    ),
    "gradient_left": N_(
        "The gradient of `{name}` did not go back to zero: it would add to the next step's."
    ),
    "not_printed": N_(
        "`{name}` does not print the lines asked for: epochs {expected} were expected, in the "
        "form `Epoch [10/100], Loss: 12.3456`."
    ),
    "printed_loss": N_(
        "`{name}` prints a loss that is not the one of the last batch of epoch {epoch}."
    ),
    "not_trained": N_("`{name}` does not change the parameters of the model that it is given."),
    "steps": N_(
        "`{name}` makes {got} updates; {expected} were expected: one for each batch and epoch."
    ),
    "rows": N_("The batches of `{name}` do not go over the 15 rows, 5 at a time, once an epoch."),
    "not_shuffled": N_(
        "`{name}` goes over the rows in the same order always: they are not shuffled."
    ),
    "loss_too_high": N_(
        "The error of `{name}` over the 15 rows is still too high: it is not trained."
    ),
    "not_updated": N_(
        "The step does not update `{name}` rightly: each parameter takes its own, with its own "
        "gradient."
    ),
    "not_reduced": N_("The loss does not fall as asked (by at least {by})."),
    "trajectory": N_("`{name}`: the losses leave the expected ones at step {step}."),
    "misconception": "{text}",
    "transposed": N_(
        "`{name}` has the values asked for, but transposed: rows and columns have changed places."
    ),
    "reshaped": N_(
        "`{name}` has the values asked for in another shape: it is {got}; {expected} was asked for."
    ),
    "broadcast": N_(
        "`{name}` has shape {got}; {expected} was asked for: PyTorch broadcast tensors of "
        "different shapes. Look at the shapes of the operands."
    ),
    "sign": N_("`{name}` has the opposite sign."),
    "activation_missing": N_(
        "`{name}` is what was asked for but for the activation function: `{activation}` is not "
        "applied."
    ),
    "activation_extra": N_("`{name}` goes through `{activation}` once too often."),
    "factor": N_(
        "All values of `{name}` are off by one and the same factor. A sum instead of a mean, or a "
        "factor too many or too few?"
    ),
    "offset": N_(
        "All values of `{name}` are off by one and the same amount. Is there a term too many or "
        "too few, such as the bias?"
    ),
    "rows_permuted": N_("`{name}` has the rows asked for, but in another order."),
    "columns_permuted": N_("`{name}` has the columns asked for, but in another order."),
    "rearranged": N_(
        "`{name}` has the values asked for, but in other places: `view` or `reshape` instead of "
        "transposing, or the other way round?"
    ),
    "other_seed_drawn": N_("`{name}` comes from seed {seed}, which is not the one asked for."),
    "other_distribution": N_(
        "`{name}` is drawn with `torch.{got}`; `torch.{expected}` was asked for."
    ),
    "draw_order": N_(
        "`{name}`: the tensors are drawn in another order ({order}), and the order changes the "
        "numbers that each of them gets."
    ),
    "draw_shifted": N_(
        "`{name}` is drawn when it should be, but an earlier tensor has another shape, which "
        "changes the numbers that it gets."
    ),
    "said": "{text}",
    "assertion": N_("What is asked for does not hold."),
    "not_run": N_("Not checked: there is no {devices} here."),
    "waits": N_("Not graded yet: it waits for a machine with {devices}."),
    "broken": N_(
        "Grading failed through a fault of the system, not of yours; it will be graded again."
    ),
}

UNREADABLE: dict[str, str] = {
    "missing": N_("The notebook was not handed in: the file `{file}` is missing."),
    "empty": N_("The file `{file}` is empty."),
    "not_json": N_("The file `{file}` cannot be read: it is cut off or not a notebook (not JSON)."),
    "not_utf8": N_("The file `{file}` cannot be read: it is not UTF-8 text."),
    "not_notebook": N_("The file `{file}` is JSON, but not a Jupyter notebook."),
    "too_large": N_("The file `{file}` is too large for a notebook."),
}

OWN: dict[str, str] = {
    "passed": N_("fine"),
    "cell": N_("cell {cell}"),
    "elsewhere": N_("other cells"),
    "all_passed": N_(
        "All that can be checked here is fine. Grading also tries other seeds and other inputs."
    ),
    "no_exercises": N_("The notebook has no marked exercises: is it the one that was released?"),
    "ended_here": N_("This cell ended the Python process or never came to an end."),
    "never_ran": N_(
        "It never ran: an earlier cell ended the Python process or never came to an end."
    ),
    "works_for_me": N_(
        "«Works on my machine»? Cell {cell} has a saved output without an error, but running "
        "everything from top to bottom fails ({message}): you may have run the cells in another "
        "order, or deleted or changed one afterwards. Try «Restart kernel and run all cells»."
    ),
    "out_of_order": N_(
        "The cells were run in another order than the notebook's (their numbers say so). Try "
        "«Restart kernel and run all cells»."
    ),
}

KINDS: dict[str, str] = {
    "tensor": N_("a tensor"),
    "array": N_("a NumPy array"),
    "scalar": N_("a NumPy number"),
    "int": N_("a Python integer"),
    "float": N_("a Python float"),
    "bool": N_("a Python bool"),
    "str": N_("a string"),
    "none": N_("`None` (is a `return` missing?)"),
    "list": N_("a list"),
    "tuple": N_("a tuple"),
    "dict": N_("a dictionary"),
    "function": N_("a function"),
    "module": N_("a torch module"),
    "size": N_("a `torch.Size`"),
    "dtype": N_("a `torch.dtype`"),
    "device": N_("a `torch.device`"),
}

HOW: dict[str, str] = {
    "timed_out": N_("passed the time limit"),
    "out_of_memory": N_("passed the memory limit"),
    "out_of_cpu": N_("passed the limit of processor time"),
    "too_many_processes": N_("passed the limit of processes and threads"),
    "died": N_("ended the Python process"),
    "too_large": N_("produced too much data"),
    "garbled": N_("interfered with the observation"),
}

LIMITS: dict[str, str] = {
    "memory": N_("It passed the memory limit."),
    "gpu_memory": N_("It passed the GPU's memory limit."),
    "processes": N_("It passed the limit of processes and threads."),
    "disk": N_("It passed the limit of disk space."),
}
"""What an exception means, said behind its own words, which the student may not know."""

OUTCOME_WORDS: dict[str, str] = {
    "passed": pN_("outcome", "passed"),
    "failed": pN_("outcome", "failed"),
    "errored": pN_("outcome", "error"),
    "timed_out": pN_("outcome", "timed out"),
    "blocked": pN_("outcome", "never ran"),
    "not_run": pN_("outcome", "not checked"),
    "broken": pN_("outcome", "not graded"),
    "graded": pN_("outcome", "graded"),
}

OTHER: dict[str, str] = {
    "question": N_("input() is not available while grading: nobody can answer."),
    "late": N_("The cell passed its limit of {seconds:g} s and was interrupted."),
    "cut": N_("… the output is too long: cut here"),
    "carried": N_("Computed from your own values."),
    "at": N_(" on line {line}"),
    "right": N_("; shape {shape} and dtype {dtype} are right"),
    "shown": N_(" (got {got}, expected {expected})"),
    "and": N_(" and "),
    "percent": N_("{number}%"),
    "score": N_("{score:g} of {max_score:g} points"),
    "score_of_one": N_("{score:g} of 1 point"),
    "handed_in_late": N_("Handed in {delay} late: it was due {due}."),
    "late_percent": N_("{percent} of the points earned is taken off."),
    "days": N_("{n} days"),
    "day": N_("1 day"),
    "hours": N_("{n} hours"),
    "hour": N_("1 hour"),
    "minutes": N_("{n} minutes"),
    "minute": N_("1 minute"),
    "seconds": N_("{n} seconds"),
    "second": N_("1 second"),
    "by_hand": N_("Answers that somebody grades by hand: {count}."),
    "unprotected": N_("Graded without the usual isolation."),
    "not_on": N_(
        "Not checked on {missing}, as there is none here: what was checked elsewhere counts."
    ),
    "write_code": N_("WRITE YOUR CODE HERE"),
    "write_answer": N_("WRITE YOUR ANSWER HERE"),
}

PAGE: dict[str, str] = {
    "title": N_("Feedback"),
    "summary": N_("Summary"),
    "notebook": N_("Notebook"),
    "student": N_("Student"),
    "your_notebook": N_("Your notebook"),
    "skip": N_("Skip to your notebook"),
    "back": N_("Back to the summary"),
    "total": N_("Score"),
    "of": pN_("points", "of"),
    "before": N_("Points earned"),
    "late": N_("Penalty for late submission"),
    "exercises": N_("Points of each exercise"),
    "exercise": N_("Exercise"),
    "points": N_("Points"),
    "state": N_("State"),
    "solution": N_("Your solution"),
    "task": N_("Your answer"),
    "comment": N_("Comment"),
    "checks": N_("Public checks"),
    "raised": N_("with an error"),
    "full": pN_("state", "Full"),
    "partial": pN_("state", "Partial"),
    "none": pN_("state", "No points"),
    "unscored": pN_("state", "Not scored"),
    "error": N_("Error"),
    "code": N_("Code"),
    "output": N_("Output"),
    "warnings": N_("Warnings"),
    "figure": N_("Figure in your notebook"),
    "empty": N_("The cell is empty."),
    "unprotected": N_("Graded without the usual isolation."),
    "hidden": N_("This output cannot be shown here."),
    "cut": N_("… the output is too long: cut here"),
    "no_response": N_("No answer: the cell is as it was."),
    "no_exercises": N_("This notebook has no exercises with points."),
}


class Words:
    """Everything that is said, in one language."""

    def __init__(self, language: str, escape: Callable[[str], str] = str) -> None:
        """``escape`` is applied to what comes from the student: names, types, messages."""
        if language not in LANGUAGES:
            raise ValueError(f"{language!r} is not in {LANGUAGES}")
        self._language = language
        self._catalogue = _catalogue(language)
        self._escape = escape

    def finding(self, finding: Finding) -> str:
        """The sentence of a finding."""
        said = self._said(FINDINGS[finding.kind]).format(**self._details(finding))
        limit = finding.details.get("limit")
        if isinstance(limit, str) and limit in LIMITS:
            return f"{said} {self._said(LIMITS[limit])}"
        return said

    def finding_of(self, kind: str, **details: Any) -> str:
        """The sentence of a finding that is made here and now."""
        return self.finding(Finding(kind, details))

    def unreadable(self, why: str, file: str) -> str:
        return self._said(UNREADABLE[why]).format(file=file)

    def outcome(self, outcome: str) -> str:
        return self._said(OUTCOME_WORDS[outcome])

    def other(self, key: str, **details: Any) -> str:
        return self._said(OTHER[key]).format(**details)

    def points(self, score: float, most: float) -> str:
        """A score and what it could be, to hundredths."""
        key = "score_of_one" if most == 1 else "score"
        return self.other(key, score=round(score, 2), max_score=round(most, 2))

    def own(self, key: str, **details: Any) -> str:
        """What ``autograder check`` says besides findings."""
        return self._said(OWN[key]).format(**details)

    def page(self) -> dict[str, str]:
        """The words of the feedback page, by the key that its template uses."""
        return {key: self._said(english) for key, english in PAGE.items()}

    def title(self, spanish: str, english: str) -> str:
        return {"es": spanish, "en": english}[self._language]

    def kind(self, kind: str) -> str:
        return self._said(KINDS[kind]) if kind in KINDS else self._code(kind)

    def _said(self, english: str) -> str:
        """A sentence of the tables in this language, its places not yet filled."""
        context, _, text = english.rpartition(CONTEXT_END)
        if context:
            return self._catalogue.pgettext(context, text)
        return self._catalogue.gettext(text)

    def _details(self, finding: Finding) -> dict[str, Any]:
        """What a sentence's places are filled with: data turned into words."""
        details = finding.details
        words: dict[str, Any] = {key: self._shown(value) for key, value in details.items()}
        match finding.kind:
            case "kind" | "item_kind":
                words.update({key: self.kind(str(details[key])) for key in ("got", "asked")})
            case "dtype" | "device":
                words.update({key: self._code(details[key]) for key in ("got", "expected")})
            case "values":
                words.update(self._difference(details))
            case "not_printed":
                words["expected"] = self._epochs(details["expected"])
            case "blocked":
                words["how"] = self._said(HOW.get(str(details["how"]), HOW["died"]))
            case "not_reduced":
                words["by"] = self.other("percent", number=f"{details['by']:.0%}"[:-1])
            case "not_shared":
                words["names"] = ", ".join(map(self._code, details["names"]))
            case "misconception":
                # Its author's own words, in Markdown.
                words["text"] = details[self._language]
            case "said":
                words["text"] = plain(str(details["text"]))
        if "error" in details:
            error, message = (
                self._escape(plain(str(details.get(key) or ""))) for key in ("error", "message")
            )
            words["error"] = (f"{error}: {message}" if message else error).rstrip(".")
            line = details.get("line")
            words["at"] = self.other("at", line=line) if line else ""
        return words

    def _difference(self, details: Mapping[str, Any]) -> dict[str, str]:
        """What is shown of values that differ: a tensor's shape and dtype, a published value."""
        got, expected = details.get("got"), details.get("expected")
        shape, dtype = details.get("shape"), details.get("dtype")
        shown = got is not None and expected is not None
        right = shape is not None and dtype is not None
        return {
            "shown": self.other("shown", got=_numbers(got), expected=_numbers(expected))
            if shown
            else "",
            "right": self.other("right", shape=self._shown(shape), dtype=self._shown(dtype))
            if right
            else "",
        }

    def _epochs(self, epochs: Any) -> str:
        """Numbers of epochs in words, whatever language the check wrote them down in."""
        return self.other("and").join(re.findall(r"\d+", str(epochs)))

    def _code(self, text: object) -> str:
        return f"`{self._shown(str(text))}`"

    def _shown(self, value: Any) -> Any:
        """Text without markup, a shape as Python writes a tuple, a number as it is."""
        if isinstance(value, str):
            text = plain(value)
            if len(text) > MAX_SHOWN:
                text = f"{text[:MAX_SHOWN]}…"
            # Between backticks a backslash would be seen; names and types need none.
            return text if PLAIN_NAME.fullmatch(text) else self._escape(text)
        if isinstance(value, list):
            return f"({', '.join(map(str, value))}{',' if len(value) == 1 else ''})"
        return value


def _catalogue(language: str) -> gettext.NullTranslations:
    """What turns the English of the tables into ``language``. gettext keeps what it has read.

    English has no catalogue: there would be nothing in it but each sentence twice.
    """
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("autograder", LOCALE, [language])


def plain(text: str) -> str:
    """``text`` on one line, without characters that steer a terminal or a page's direction."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(text.split())


def harmless(text: str) -> str:
    """``text`` in its lines, what would steer a terminal or a page's direction shown as �."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else "�" for one in text)


def _numbers(values: Any) -> str:
    numbers = [f"{one:.4f}" for one in values]
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"
