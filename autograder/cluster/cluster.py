"""Runs of the sandbox on the workers of a cluster: who may have them, and what a loss costs.

A worker takes part once it has said what it is and that fits; workers of equal facts are one
*kind*, and each kind looks like a sandbox to those who observe. A run goes to one worker; if that
dies, is cut off, is late or returns rubbish, the run goes to another one. Knows nothing of Dask.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from autograder.cluster.parcel import Answer, Request, Rubbish, Wish, read_answer
from autograder.cluster.transport import Delivery, Failed, Lost, Transport, Unreachable
from autograder.errors import MachineError, MachineStopped
from autograder.sandbox import Ended, Limits, SandboxBroken, TooMuch

__all__ = ["Cluster", "Kind", "KindLost"]

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often we look who is there."""
GREET_SECONDS = 300.0
"""A first import of torch from a network disk takes long."""
SETTLE_SECONDS = 20.0
"""From the first worker on, for others that are about to say what they are."""
GRACE_SECONDS = 90.0
"""Beside twice a trial's own limit: for one run ahead, for setting up, for the way."""
MAX_LOSSES = 3
"""Of workers, with one run. It may be what they die of."""
MAX_TRIES = 5
MAX_STRIKES = 3
"""Of one worker in a row; then it is left out."""
OTHERS_SECONDS = 10.0
"""How long a kind may have no worker where other kinds could do its work."""

NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class KindLost(MachineStopped):
    """No worker of this kind is left; there are others."""


@dataclass(eq=False)
class _Member:
    """A worker that takes part; ``busy`` are the runs that it has now."""

    address: str
    kind: str
    threads: int
    gpus: int
    busy: int = 0
    strikes: int = 0
    lost: bool = False

    def load(self, gpu: bool) -> float:
        return self.busy / ((self.gpus if gpu else self.threads) or 1)

    def has_room(self, gpu: bool) -> bool:
        # One more than it can do at a time: it is there when another one ends.
        places = self.gpus if gpu else self.threads
        return places > 0 and self.busy <= places


@dataclass
class _Greeting:
    delivery: Delivery
    deadline: float


class _Outcome(Exception):
    """Why a run has to go elsewhere. ``is_lost``: its worker is gone."""

    def __init__(self, why: str, *, is_lost: bool = False) -> None:
        super().__init__(why)
        self.is_lost = is_lost


@dataclass
class Cluster:
    """Thread-safe; a context manager. ``ours`` are the versions of the machine that judges, and
    ``code`` its hash of the code that observes; ``notice`` gets sentences for an assistant."""

    transport: Transport
    wish: Wish
    ours: Mapping[str, str]
    code: str
    notice: Callable[[str], None]
    wait_seconds: float = 300.0
    playing: frozenset[str] = frozenset()
    """The kinds that share the work at hand."""
    _members: dict[str, _Member] = field(default_factory=dict, init=False)
    _facts: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _greetings: dict[str, _Greeting] = field(default_factory=dict, init=False)
    _refused: dict[str, str] = field(default_factory=dict, init=False)
    _said: set[str] = field(default_factory=set, init=False)
    _seen_at: float = field(default_factory=time.monotonic, init=False)
    _silent_since: float | None = field(default=None, init=False)
    _silence: str = field(default="", init=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._looking = threading.Thread(target=self._look_on, name="cluster", daemon=True)
        self._looking.start()

    def close(self) -> None:
        """Runs in other threads raise ``MachineStopped``."""
        if self._closed.is_set():
            return
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._looking.join(timeout=5)
        self.transport.close()

    def kinds(self, *, cuda: bool) -> list[Kind]:
        """The kinds of workers that take part now, the one with most places first.

        Waits until there is one; ``MachineError`` if none comes. With ``cuda``, those with a GPU if
        there are any: all submissions are to be judged on the same devices.
        """
        self._wait_for_members()
        with self._changed:
            places: dict[str, int] = {}
            for member in self._members.values():
                places[member.kind] = places.get(member.kind, 0) + member.threads
            found = sorted(places, key=lambda name: (-places[name], name))
            if cuda:
                found = [name for name in found if self._facts[name]["cuda"]] or found
            return [Kind(self, name, dict(self._facts[name]), places[name]) for name in found]

    def _wait_for_members(self) -> None:
        begun, settled = time.monotonic(), 0.0
        with self._changed:
            while True:
                self._refuse_closed()
                now = time.monotonic()
                if self._members:
                    settled = settled or now + SETTLE_SECONDS
                    if not self._greetings or now > settled:
                        return
                elif self._refused and not self._greetings:
                    raise MachineError(
                        f"no worker of {self.transport.name} can be used: "
                        f"{next(iter(self._refused.values()))}"
                    )
                elif now - begun > self.wait_seconds:
                    raise MachineError(
                        f"no worker has come to {self.transport.name} in "
                        f"{self.wait_seconds:.0f} s; start some, such as `dask worker "
                        f"{self.transport.name}`."
                    )
                self._changed.wait(LOOK_SECONDS)

    # -- who is there ----------------------------------------------------------------------------

    def _look_on(self) -> None:
        while not self._closed.is_set():
            try:
                self._look()
            except Unreachable as error:
                self._note_silence(str(error))
            except Exception as error:
                log.exception("looking after %s failed", self.transport.name)
                self._note_silence(f"{type(error).__name__}: {error}")
            self._closed.wait(LOOK_SECONDS)

    def _look(self) -> None:
        present = set(self.transport.members())
        with self._changed:
            self._silent_since, self._seen_at = None, time.monotonic()
            for address in [one for one in self._members if one not in present]:
                self._members.pop(address).lost = True
                log.warning("worker %s is gone", address)
            for address in [one for one in self._refused if one not in present]:
                del self._refused[address]
            gone = [one for one in self._greetings if one not in present]
            greeted = {one: self._greetings.pop(one) for one in gone}
            unknown = present - self._members.keys() - self._greetings.keys() - self._refused.keys()
        for greeting in greeted.values():
            greeting.delivery.withdraw()
        for address in unknown:
            self._greet(address)
        self._hear_greetings()
        with self._changed:
            self._changed.notify_all()

    def _greet(self, address: str) -> None:
        data = Request(self.wish).pack()
        try:
            delivery = self.transport.send(address, data, gpu=False)
        except Lost:
            return  # it is looked for again
        with self._changed:
            self._greetings[address] = _Greeting(delivery, time.monotonic() + GREET_SECONDS)

    def _hear_greetings(self) -> None:
        for address, greeting in list(self._greetings.items()):
            if greeting.delivery.done():
                try:
                    said = read_answer(greeting.delivery.content())
                    why = self._why_not(said)
                except (Lost, TimeoutError):
                    continue
                except Rubbish as error:
                    why = f"what it returns is rubbish ({error})"
                except Failed as error:
                    why = _unable(str(error))
                if why is None:
                    self._admit(address, said)
                else:
                    self._refuse(address, why)
            elif time.monotonic() > greeting.deadline:
                greeting.delivery.withdraw()
                self._refuse(address, f"it was not ready after {GREET_SECONDS:.0f} s")

    def _why_not(self, said: Answer) -> str | None:
        """Why a worker that says this cannot take part, in one sentence."""
        for name, here in self.ours.items():
            there = said.versions.get(name, "none")
            if there != here:
                return (
                    f"{name} is {there} there and {here} here, where its work is judged; "
                    f"pip install '{name}=={here}' there and start it again"
                )
        if said.code != self.code:
            return (
                "its copy of autograder is another one than the one that judges, though of the "
                "same version; install the same one there and start it again"
            )
        if said.failed is not None:
            return said.failed
        if said.facts.get("isolation") != self.wish.isolation:
            return "it does not isolate as the config says"
        return None

    def _admit(self, address: str, said: Answer) -> None:
        facts = dict(said.facts)
        kind = _name_of(facts)
        log.info("worker %s takes part: %s", address, kind)
        with self._changed:
            self._greetings.pop(address, None)
            self._facts[kind] = facts
            self._members[address] = _Member(address, kind, said.threads, said.gpus)

    def _refuse(self, address: str, why: str) -> None:
        sentence = f"worker {address} is not used: {why.strip().rstrip('.')}."
        log.warning("%s", sentence)
        with self._changed:
            self._greetings.pop(address, None)
            member = self._members.pop(address, None)
            if member is not None:
                member.lost = True
            self._refused[address] = sentence
            first = why not in self._said
            self._said.add(why)
        if first:  # of a hundred workers of one image, one sentence
            self.notice(sentence)

    def _note_silence(self, why: str) -> None:
        with self._changed:
            if self._silent_since is None:
                self._silent_since = time.monotonic()
                log.warning("%s does not answer: %s", self.transport.name, why)
            self._silence = why
            self._changed.notify_all()

    # -- runs ------------------------------------------------------------------------------------

    def run(
        self,
        kind: str,
        job: Mapping[str, Any],
        limits: Limits,
        files: Mapping[str, bytes],
        on_frame: Callable[[dict[str, Any], bytes], None],
    ) -> Ended:
        """As ``Sandbox.run`` does, on a worker of ``kind``."""
        gpu = bool(job.get("gpu_mb")) or "cuda" in job.get("devices", ())
        tried: set[str] = set()
        losses, why = 0, ""
        for _ in range(MAX_TRIES):
            with self._lent(kind, gpu, tried) as member:
                tried.add(member.address)
                try:
                    said = self._asked(member, kind, Request(self.wish, job, limits, files), gpu)
                except _Outcome as outcome:
                    why = f"{member.address}: {outcome}"
                    log.warning("a run is tried elsewhere: %s", why)
                    if outcome.is_lost:
                        losses += 1
                        self._forget(member)
                    else:
                        self._strike(member, str(outcome))
                    if losses == MAX_LOSSES:
                        break
                    continue
                member.strikes = 0
                return self._handed_out(member, said, on_frame)
        if losses == MAX_LOSSES:
            raise MachineError(
                f"{losses} workers were lost while they ran it ({why}); look for what ended them."
            )
        raise MachineError(f"{MAX_TRIES} workers could not run it ({why}).")

    def _handed_out(
        self,
        member: _Member,
        said: Answer,
        on_frame: Callable[[dict[str, Any], bytes], None],
    ) -> Ended:
        assert said.ended is not None
        for frame, content in said.frames:
            try:
                on_frame(frame, content)
            except (TooMuch, ValueError) as error:
                # A worker of ours ends a run at such a frame and keeps it to itself.
                self._refuse(member.address, f"what it returns is rubbish ({error})")
                raise SandboxBroken(f"{member.address} returned rubbish: {error}") from error
        return said.ended

    def _asked(self, member: _Member, kind: str, request: Request, gpu: bool) -> Answer:
        """What ``member`` answers; ``_Outcome`` where the run has to go elsewhere."""
        deadline = time.monotonic() + 2 * request.limits.seconds + GRACE_SECONDS
        try:
            delivery = self.transport.send(member.address, request.pack(), gpu=gpu)
        except Lost as error:
            raise _Outcome(str(error), is_lost=True) from error
        delivery.when_done(self._wake)
        try:
            said = self._waited_for(member, delivery, deadline)
        finally:
            if not delivery.done():
                delivery.withdraw()
        if said.failed is not None:
            if said.hopeless:
                self._refuse(member.address, said.failed)
            raise _Outcome(said.failed)
        if said.ended is None or said.code != self.code or _name_of(said.facts) != kind:
            # Another process may have come to its address.
            self._refuse(member.address, "it is another one than it said")
            raise _Outcome("it is another one than it said")
        return said

    def _waited_for(self, member: _Member, delivery: Delivery, deadline: float) -> Answer:
        while True:
            with self._changed:
                self._refuse_closed()
                if not delivery.done():
                    if member.lost:
                        raise _Outcome("the worker is gone", is_lost=True)
                    if time.monotonic() > deadline:
                        raise _Outcome("no answer in time")
                    self._changed.wait(LOOK_SECONDS)
                    continue
            try:
                return read_answer(delivery.content())
            except TimeoutError:
                if member.lost or time.monotonic() > deadline:
                    raise _Outcome("its answer cannot be fetched", is_lost=True) from None
            except Lost as error:
                raise _Outcome(str(error), is_lost=True) from error
            except Failed as error:
                raise _Outcome(_unable(str(error))) from error
            except Rubbish as error:
                self._refuse(member.address, f"what it returns is rubbish ({error})")
                raise _Outcome(f"rubbish: {error}") from error

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def _lent(self, kind: str, gpu: bool, tried: set[str]) -> Iterator[_Member]:
        """The worker that gets a run: one that has not had it before, of these the least busy."""
        member = self._free(kind, gpu, tried)
        try:
            yield member
        finally:
            with self._changed:
                member.busy -= 1
                self._changed.notify_all()

    def _free(self, kind: str, gpu: bool, tried: set[str]) -> _Member:
        without_since: float | None = None
        with self._changed:
            while True:
                self._refuse_closed()
                able = [one for one in self._members.values() if one.kind == kind]
                # Whoever has failed with it once gets it again only where there is nobody else.
                able = [one for one in able if one.address not in tried] or able
                free = [one for one in able if one.has_room(gpu)]
                if free:
                    found = min(free, key=lambda one: (one.load(gpu), one.address))
                    found.busy += 1
                    return found
                without_since = None if able else without_since or time.monotonic()
                if without_since is not None:
                    self._refuse_waiting(without_since)
                self._changed.wait(LOOK_SECONDS)

    def _refuse_waiting(self, since: float) -> None:
        if self._seen_at < since + LOOK_SECONDS:
            return  # nobody has looked yet: it may be the scheduler that is gone
        seconds = time.monotonic() - since
        others = any(one.kind in self.playing for one in self._members.values())
        if others and seconds > OTHERS_SECONDS:
            raise KindLost("the last worker of its kind is gone; what was observed is kept.")
        if seconds > self.wait_seconds or (self._refused and seconds > OTHERS_SECONDS):
            last = list(self._refused.values())[-1:]
            raise MachineStopped(
                f"no worker of {self.transport.name} is left{': ' + last[0] if last else '.'} "
                "What was observed is kept: start workers, and grade again."
            )

    def _refuse_closed(self) -> None:
        if self._closed.is_set():
            raise MachineStopped("interrupted; what was observed until now is kept.")
        since = self._silent_since
        if since is not None and time.monotonic() - since > self.wait_seconds:
            raise MachineStopped(
                f"{self.transport.name} has not answered for {self.wait_seconds:.0f} s "
                f"({self._silence}); what was observed is kept: grade again once it does."
            )

    def _forget(self, member: _Member) -> None:
        """If it is still there, it is asked again what it is."""
        with self._changed:
            member.lost = True
            if self._members.get(member.address) is member:
                del self._members[member.address]

    def _strike(self, member: _Member, why: str) -> None:
        member.strikes += 1
        if member.strikes >= MAX_STRIKES and not member.lost:
            self._refuse(member.address, f"{member.strikes} runs in a row failed there: {why}")


@dataclass(frozen=True, eq=False)
class Kind:
    """The workers of equal facts, as a sandbox: what was observed by one of them may be compared
    with what was observed by another one. ``places`` are the runs that they had room for."""

    cluster: Cluster
    name: str
    facts: dict[str, Any]
    places: int
    attempts: int = 4
    """How often a run is worth being begun: whoever returned rubbish does not get the next one."""

    def run(
        self,
        job: Mapping[str, Any],
        payload: bytes = b"",
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        files: Mapping[str, bytes] = NO_FILES,
        on_frame: Callable[[dict[str, Any], bytes], None],
        prepared: bytes = b"",
    ) -> Ended:
        """As of a sandbox. What is ``prepared`` stays here: it would double what a task sends."""
        if payload:
            raise ValueError("a job of the cluster has no payload")
        return self.cluster.run(self.name, job, limits, files, on_frame)

    def close(self) -> None:
        """Nothing: the cluster is closed by who opened it."""


def _name_of(facts: Mapping[str, Any]) -> str:
    return json.dumps(dict(facts), sort_keys=True)


def _unable(why: str) -> str:
    """For a worker that could not even call our function."""
    if "No module named" in why:
        return (
            f"it cannot import what it needs ({why}); install there what is installed here: "
            "pip install 'autograder[dask]'"
        )
    return why
