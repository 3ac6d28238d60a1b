"""One assignment's submissions, shared out among the kinds of workers of a cluster.

What one kind of worker observed is judged against the reference as that kind observed it: another
processor, another build of torch or another GPU may round otherwise.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from autograder.cluster.cluster import Cluster, Kind, KindLost
from autograder.errors import MachineStopped
from autograder.exam import Exam
from autograder.submission import Submission

__all__ = ["Shared", "observe_shared", "shares_of"]

log = logging.getLogger(__name__)

Shared = list[tuple[Exam, Sequence[Submission]]]
"""Exams, one a kind, each with the submissions that it observed."""


def observe_shared(
    cluster: Cluster,
    kinds: Sequence[Kind],
    exam_on: Callable[[Kind], Exam],
    submissions: Sequence[Submission],
    progress: Callable[[int, int], None],
) -> Shared:
    """Observe all ``submissions`` on ``kinds``.

    If a kind has no worker any more, the others observe its share. If anything ends this, the
    cluster is closed, for its runs could not be waited for.
    """
    done: Shared = []
    left, waiting = list(kinds), list(submissions)
    try:
        while waiting:
            if not left:
                raise MachineStopped(
                    f"no worker of {cluster.transport.name} is left; what was observed is kept: "
                    "start workers, and grade again."
                )
            cluster.playing = frozenset(kind.name for kind in left)
            # An exam is judged as a whole, so each round has exams of its own.
            shares = [
                _Share(kind, exam_on(kind), share)
                for kind, share in zip(left, shares_of(left, waiting), strict=True)
                if share
            ]
            lost = _observe(shares, len(submissions) - len(waiting), len(submissions), progress)
            done += [(one.exam, one.submissions) for one in shares if one not in lost]
            waiting = [one for share in lost for one in share.submissions]
            for share in lost:
                left.remove(share.kind)
                log.warning("no worker of this kind is left, others do its work: %s", share.kind)
    except BaseException:
        cluster.close()
        raise
    return done


@dataclass(eq=False)
class _Share:
    """What one kind is to observe, and how much of it is done."""

    kind: Kind
    exam: Exam
    submissions: list[Submission]
    done: int = 0


def _observe(
    shares: Sequence[_Share], before: int, total: int, progress: Callable[[int, int], None]
) -> list[_Share]:
    """Observe all ``shares`` at once; gives those whose kind was lost meanwhile."""

    def progress_of(share: _Share) -> Callable[[int, int], None]:
        def told(done: int, _: int) -> None:
            share.done = done
            progress(before + sum(one.done for one in shares), total)

        return told

    lost = []
    pool = ThreadPoolExecutor(max_workers=len(shares))
    try:
        running = {
            pool.submit(share.exam.observe, share.submissions, progress_of(share)): share
            for share in shares
        }
        for future in as_completed(running):
            try:
                future.result()
            except KindLost:
                lost.append(running[future])
    finally:
        # Whoever ends this closes the cluster, and then they end, too.
        pool.shutdown(wait=False, cancel_futures=True)
    return lost


def shares_of(kinds: Sequence[Kind], submissions: Sequence[Submission]) -> list[list[Submission]]:
    """The share of each of ``kinds``: by its places, and the same one in the next run."""
    shares: dict[str, list[Submission]] = {kind.name: [] for kind in kinds}
    for one in submissions:
        digest = one.digest
        shares[max(kinds, key=lambda kind: _pull(kind, digest)).name].append(one)
    return list(shares.values())


def _pull(kind: Kind, digest: str) -> float:
    """Weighted rendezvous hashing: a kind that goes takes nothing but its own share with it."""
    hashed = hashlib.sha256(f"{kind.name}/{digest}".encode()).digest()
    drawn = (int.from_bytes(hashed[:7]) + 1) / (2**56 + 1)
    return -max(kind.places, 1) / math.log(drawn)
