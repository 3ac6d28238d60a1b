"""The service: looks, collects, grades, gives feedback, and never gives up. Joins the other parts.

One thread: between two batches everything is looked at anew, and nobody else's command is kept
waiting longer than a batch takes.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder.errors import AuthorError, MachineError
from autograder.exam import Options
from autograder.sandbox.temporary import remove_abandoned
from autograder.turn import CourseTaken, alone, turn
from autograder.watch.arrivals import Arrivals
from autograder.watch.current import Current, Upgraded
from autograder.watch.exchange import Inbox, Outbox
from autograder.watch.log import Log
from autograder.watch.owed import Owed
from autograder.watch.queue import Kind, Pace, Queue, Waiting

__all__ = ["Service", "Settings"]

log = logging.getLogger(__name__)
BATCH_SECONDS, SMALLEST_BATCH, FIRST_BATCH, LARGEST_BATCH = 8.0, 16, 24, 48
SLICE = 1.5
"""Seconds of getting ready between two looks."""
COURTESY = 0.05
"""Seconds between two batches: a command that waits for its turn gets it then."""
TAKEN = 0.3
"""Seconds after which we ask again for our turn."""
QUEUE_TOLD = 10.0
LOOKING = 0.1
"""The share of the time that looking may take: in a folder of thousands we look less often."""
SAID = 500
"""Sentences that are remembered, so that none is said with every batch."""
RETRIES = (5.0, 30.0, 120.0, 600.0)
"""Seconds after which what could not be graded, through no fault of its own, is tried again."""
PATIENCE = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds until the next attempt where nothing can be graded at all."""
TIDIED = 64
"""Submissions after which memory is tidied even where there is no time."""
QUIET = 2.0
"""Seconds without anything to do after which there is time to tidy memory."""
UNTIL_MENDED = "What arrives waits until it is mended."
AGAIN_AND_AGAIN = "What arrives waits; it is tried again and again."
Pair = tuple[str, str]
Json = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How ``watch`` was asked to work. ``names`` are the assignments (none: all of the config);
    ``inbound`` is a folder of handed-in folders, instead of the configured exchange's; ``interval``
    are the seconds between two looks."""

    names: tuple[str, ...] = ()
    inbound: Path | None = None
    interval: float = 1.0
    feedback: bool = True
    once: bool = False


@dataclass
class Service:
    """Grades what arrives in the course at ``root`` until it is told to stop.

    ``ungraded`` has what could not be graded when it was last tried, and ``held`` the assignments
    that wait for their author, with the sentences.
    """

    root: Path
    settings: Settings
    options: Options
    log: Log
    pace: Pace = field(
        default_factory=lambda: Pace(BATCH_SECONDS, SMALLEST_BATCH, FIRST_BATCH, LARGEST_BATCH)
    )
    queue: Queue = field(default_factory=Queue)
    ungraded: set[Pair] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._current = Current(self.root, self.settings.names, self.options, self._notice)
        course = self._current.course
        self._arrivals = Arrivals(course, self._current.names, self.settings.interval)
        self._owed = Owed(course.state / "watch")
        self._find_exchange()
        self._stopped_by = ""
        self._served = self._untidy = self._alone = self._troubles = 0
        self._trouble = ""
        self._said: dict[str, None] = {}
        self._later: dict[Pair, tuple[float, Waiting]] = {}
        self._failures: dict[Pair, int] = {}
        self._prepared: set[str] = set()
        self._next_look = self._not_before = self._told = self._busy = 0.0

    # From the first look to the last: signals, the lock, one round after the other.

    def run(self) -> None:
        """Serve until a signal says to stop; with ``once``, until nothing is left to do.

        ``MachineError`` where another service watches the course already, or where our own code is
        another one on the disk; with ``once`` also for whatever keeps us from grading.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(alone(self._current.course, "watch"))
            except CourseTaken as taken:
                raise MachineError(f"{taken} watches this course already.") from None
            stack.enter_context(self._signals())
            stack.callback(self._current.close)
            self._begin()
            while not self._stopped_by:
                pause = self._round()
                if pause is None:
                    break
                if pause > 0:
                    select.select([self._wakes], [], [], pause)
            self._end()

    def _begin(self) -> None:
        remove_abandoned(self._current.course.root / "submitted")
        if self._outbox is not None:
            self._outbox.sweep()
        if self.settings.feedback:
            for pair in self._owed.all():
                if pair[1] in self._current.names:
                    self.queue.put(Waiting(*pair, time.monotonic(), Kind.ARRIVED))
        places = "submitted/" if self._inbox is None else f"submitted/ and {self._inbox.path}"
        pages = "feedback is made at once" if self.settings.feedback else "no feedback is made"
        if self._outbox is not None:
            pages += f" and released to {self._outbox.path}"
        self.log.say("started", f"watching {places} for {', '.join(self._current.names)}; {pages}.")

    def _end(self) -> None:
        why = f" by {self._stopped_by}" if self._stopped_by else ""
        left = len(self.queue) + sum(one.is_new for _, one in self._later.values())
        rest = f"; {left} not graded yet, which the next start goes on with" if left else ""
        self.log.say("stopped", f"stopped{why}: {self._served} graded{rest}.", queue=left)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop us when the batch that is being graded is done."""
        # A pipe, which interrupts waiting; nothing is raised in the middle of recording.
        self._wakes, wake = os.pipe()
        os.set_blocking(wake, False)

        def stop(number: int, _: object) -> None:
            self._stopped_by = signal.Signals(number).name
            with suppress(OSError):
                os.write(wake, b"x")

        before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wakes)
            os.close(wake)

    def _round(self) -> float | None:
        """Look, and serve a batch; gives how long to wait then, ``None`` at the end."""
        try:
            self._refresh()
            self._look()
            if self._current.wrong:
                if self.settings.once:
                    raise AuthorError(self._current.wrong)
                return self._until_look()
            now = time.monotonic()
            if now < self._not_before:
                return min(self._not_before - now, self._until_look())
            first = self.queue.first(self.held)
            if first is None:
                return self._idle()
            size = 1 if self._alone else self.pace.size(_pace_of(first))
            self._alone = max(self._alone - 1, 0)
            self._serve(self.queue.take(size, self.held))
        except CourseTaken as taken:
            self._notice(f"waiting for {taken} to end.")
            return TAKEN
        except (MachineError, OSError) as error:
            if self.settings.once or isinstance(error, Upgraded):
                raise
            return self._troubled(error)
        return COURTESY

    # What there is to do.

    def _refresh(self) -> None:
        """Use the config and the assignments as they are now."""
        is_new, changed = self._current.refresh()
        if is_new and self._current.wrong:
            self.log.say("held", f"{_ended(self._current.wrong)} {UNTIL_MENDED}")
            return
        if is_new:
            self.log.say("resumed", "grading_config.yaml has changed; it is used from now on.")
            self._arrivals.course = self._current.course
            self._arrivals.names = self._current.names
            self._find_exchange()
            self._next_look = 0.0  # which also forgets what is not watched any more
        for name in changed:
            self._prepared.discard(name)
            if self.held.pop(name, None) is not None or not is_new:
                self.log.say("resumed", f"{name} has changed; it is used as it is now.")
        if changed:
            now = time.monotonic()
            for student, name in self._arrivals.known:
                if name in changed:
                    self.queue.put(Waiting(student, name, now, Kind.AGAIN))

    def _find_exchange(self) -> None:
        course, exchange = self._current.course, self._current.course.config.exchange
        place = None if exchange is None else Path(exchange.root) / exchange.course_id
        inbound = self.settings.inbound or (place and place / "inbound")
        names, settle = self._current.names, self.settings.interval
        self._inbox = Inbox(course, inbound, names, settle) if inbound else None
        released = place is not None and self.settings.feedback
        self._outbox = Outbox(course, place / "feedback") if place and released else None

    def _look(self) -> None:
        """See what has arrived, unless that was only just done."""
        begun = time.monotonic()
        if begun < self._next_look and not self.settings.once:
            return
        placed = self._collect(self._inbox, begun) if self._inbox is not None else []
        arrived, gone = self._arrivals.look(begun, time.time(), placed)
        for one in arrived:
            self._later.pop(one.pair, None)
            self._failures.pop(one.pair, None)
            if self.settings.feedback and self._owed.has(*one.pair):
                one = replace(one, kind=Kind.ARRIVED)  # its folder was away for a while
            self.queue.put(one)
        for pair in gone:
            self.queue.forget(*pair)
            self._later.pop(pair, None)
            self._failures.pop(pair, None)
            self.ungraded.discard(pair)
        now = time.monotonic()
        self._next_look = now + (now - begun) / LOOKING
        if self.settings.once:
            return
        for pair, (when, waiting) in list(self._later.items()):
            if when <= now:
                del self._later[pair]
                self.queue.put(waiting)

    def _collect(self, inbox: Inbox, now: float) -> list[Pair]:
        """Whose submissions were brought to ``submitted/``."""
        collected = []
        try:
            for one in inbox.collect(now):
                collected.append((one.student, one.assignment))
                self.log.collected(one.student, one.assignment, one.owner)
        except OSError as error:
            # What is in submitted/ is graded all the same.
            self._notice(f"{error.filename or inbox.path}: {error.strerror}; nothing is collected.")
        else:
            self._forget(str(inbox.path))
        doubts, inbox.doubts = inbox.doubts, []
        for sentence in doubts:
            self.log.say("notice", sentence)
        return collected

    def _until_look(self) -> float:
        return max(self.settings.interval, self._next_look - time.monotonic())

    def _idle(self) -> float | None:
        """Nothing waits: get ready for what will come."""
        unsettled = self._arrivals.unsettled or (self._inbox is not None and self._inbox.unsettled)
        if self.settings.once:
            return self.settings.interval if unsettled else None
        for name in self._current.names:
            if name not in self._prepared and name not in self.held:
                self._prepare(name)
                return COURTESY
        if self._untidy and time.monotonic() - self._busy > QUIET:
            self._tidy()
        return self._until_look()

    def _prepare(self, name: str) -> None:
        self._current.refuse_upgrade()
        done = True  # or held
        with self._holding(name):
            with turn(self._current.course, f"watch {name}", self._notice, waits=False):
                done = self._current.grader().prepare(name, SLICE)
                if self.settings.feedback:
                    self._current.pages.open()
            self._went_well()
        if done:
            self._prepared.add(name)

    # Grading.

    def _serve(self, batch: Sequence[Waiting]) -> None:
        """Grade a batch and answer its students. Whoever is not answered waits again."""
        name, begun = batch[0].assignment, time.monotonic()
        course = self._current.course
        self._current.refuse_upgrade()
        waiting = {
            one.student: one for one in batch if os.path.lexists(course.submitted(*one.pair))
        }
        if self.settings.feedback:
            for one in waiting.values():
                if one.is_new:
                    self._owed.add(*one.pair)
        try:
            with (
                self._holding(name),
                turn(course, f"watch {name}", self._notice, waits=False),
            ):
                self._grade(name, waiting, begun)
                self._went_well()
        except (CourseTaken, MachineError, OSError):
            raise
        except Exception as error:
            log.exception("%s: a fault of ours", name)
            self._current.close()
            if len(batch) > 1:
                # One of them may be why: each is tried alone, so that the others are graded.
                self._alone = len(batch)
            elif waiting:
                self._put_off(waiting.pop(batch[0].student))
            said = f"a fault of ours ({type(error).__name__}); see {course.state / 'log'}."
            if self.settings.once:
                raise MachineError(said) from error
            self._notice(f"{name}: {said}")
        finally:
            for one in waiting.values():
                self.queue.put(one)
        now = self._busy = time.monotonic()
        if name in self.held:
            return
        self._untidy += len(batch)
        if self._untidy >= TIDIED:
            self._tidy()
        self.pace.took(_pace_of(batch[0]), len(batch), now - begun)
        self._tell_queue(now)

    def _grade(self, name: str, waiting: dict[str, Waiting], begun: float) -> None:
        """Grade those who are ``waiting``, by student, and take whom we are done with out."""
        if not waiting:
            return
        grader = self._current.grader(tuple(waiting))
        try:
            reports = {one["student"]: one for one in grader.grade_in_turn(name)}
        except AuthorError:
            places = [self._current.course.submitted(*one.pair) for one in waiting.values()]
            if not all(os.path.lexists(one) for one in places):
                return  # whose was taken away is nobody that can be graded
            raise
        recorded = {student for _, student in grader.recorded}
        owed = {}
        for student, one in list(waiting.items()):
            report = reports.get(student)
            if report is None or report["status"] == "missing":
                continue  # changed or gone while it was graded: waits again, or is seen to be gone
            if report["status"] == "broken" and "waits_for" not in report:
                self._put_off(waiting.pop(student))
            elif student in recorded or one.kind is Kind.ARRIVED:
                owed[student] = one
            else:
                self._done_with(waiting.pop(student))
        if not self.settings.feedback:
            for student in owed:
                self._answer(waiting.pop(student), reports[student], begun)
            return
        self._give_feedback(name, owed, reports, begun, waiting)

    def _give_feedback(
        self,
        name: str,
        owed: Mapping[str, Waiting],
        reports: Mapping[str, Json],
        begun: float,
        waiting: dict[str, Waiting],
    ) -> None:
        from autograder.record.feedback import make_feedback

        def answer(student: str) -> None:
            self._answer(waiting.pop(student), reports[student], begun)

        for student in owed:
            if "waits_for" in reports[student]:
                answer(student)
        students = [student for student in owed if student in waiting]
        if students:
            try:
                make_feedback(self._current.course, name, students, self._current.pages, answer)
            except MachineError as error:
                log.error("%s", error, exc_info=error.__cause__)
                self._notice(str(error))
            for student in students:
                if student in waiting:
                    self._put_off(replace(waiting.pop(student), kind=Kind.ARRIVED))

    def _answer(self, one: Waiting, report: Json, begun: float) -> None:
        """The page is there, if there is to be one: release it and say so."""
        released = False
        if self._outbox is not None and (one.is_new or self._outbox.has(*one.pair)):
            try:
                released = self._outbox.release(*one.pair) > 0
            except MachineError as error:
                log.error("%s", error, exc_info=error.__cause__)
                self._notice(str(error))
                self._put_off(replace(one, kind=Kind.ARRIVED))
                return
        self._done_with(one)
        self._served += 1
        self.log.graded(
            one.assignment,
            report,
            waited=max(begun - one.since, 0.0),
            took=time.monotonic() - begun,
            released=released,
        )

    def _done_with(self, one: Waiting) -> None:
        self._owed.settle(*one.pair)
        self._failures.pop(one.pair, None)
        self.ungraded.discard(one.pair)

    # What can go wrong.

    @contextmanager
    def _holding(self, name: str) -> Iterator[None]:
        """An author's mistake holds the one assignment until its files change."""
        try:
            yield
        except AuthorError as error:
            self.held[name] = str(error)
            self.log.say("held", f"{_ended(error)} {UNTIL_MENDED}", assignment=name)

    def _put_off(self, one: Waiting) -> None:
        """It could not be graded or answered, through no fault of its own: it is tried later."""
        count = self._failures.get(one.pair, 0)
        self._failures[one.pair] = count + 1
        seconds = RETRIES[min(count, len(RETRIES) - 1)]
        self.ungraded.add(one.pair)
        self._later[one.pair] = time.monotonic() + seconds, one
        self.log.say(
            "trouble",
            f"could not serve {one.student} ({one.assignment}); again in {seconds:.0f} s; see "
            f"{self._current.course.state / 'log'}.",
            student=one.student,
            assignment=one.assignment,
        )

    def _troubled(self, error: MachineError | OSError) -> float:
        """Nothing can be graded just now: say so once, have the grader begin anew, wait."""
        log.error("%s", error, exc_info=error.__cause__ or error)
        # It may have failed for good.
        self._current.close()
        seconds = PATIENCE[min(self._troubles, len(PATIENCE) - 1)]
        self._troubles += 1
        self._not_before = time.monotonic() + seconds
        if isinstance(error, OSError):
            where = error.filename2 or error.filename or "this machine"
            error = MachineError(f"{where}: {error.strerror}.")
        if str(error) != self._trouble:
            self._trouble = str(error)
            self.log.say("trouble", f"{_ended(error)} {AGAIN_AND_AGAIN}")
        return 0.0

    def _went_well(self) -> None:
        if self._trouble:
            self.log.say("resumed", "grading goes on.")
        self._trouble, self._troubles, self._not_before = "", 0, 0.0

    def _notice(self, sentence: str) -> None:
        """Say it, unless it has been said lately."""
        if sentence in self._said:
            return
        self._said[sentence] = None
        if len(self._said) > SAID:
            del self._said[next(iter(self._said))]
        self.log.say("notice", sentence)

    def _forget(self, beginning: str) -> None:
        """What was wrong is no longer: say it again if it comes back."""
        for sentence in [one for one in self._said if one.startswith(beginning)]:
            del self._said[sentence]

    def _tidy(self) -> None:
        """Give memory back. Judging freezes all that there is (see grading.py), so that what each
        batch leaves behind would stay for ever."""
        self._untidy = 0
        gc.unfreeze()
        gc.collect()

    def _tell_queue(self, now: float) -> None:
        since = self.queue.since
        if since is not None and now - self._told >= QUEUE_TOLD:
            self._told = now
            self.log.queue(len(self.queue), self.queue.again, max(now - since, 0.0))


def _pace_of(one: Waiting) -> str:
    """What a batch's size is learned for: looking again costs much less than grading."""
    return one.assignment if one.is_new else f"{one.assignment} again"


def _ended(sentence: object) -> str:
    """With a full stop: another sentence follows."""
    return f"{str(sentence).strip().rstrip('.')}."
