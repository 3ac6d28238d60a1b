"""Open the cluster of a course: connects it with what has to be the same on both sides."""

from __future__ import annotations

from collections.abc import Callable

from autograder.cluster.cluster import Cluster
from autograder.cluster.connection import Connection
from autograder.cluster.entry import Cluster as Entry
from autograder.cluster.parcel import Wish
from autograder.cluster.worker import code_that_observes, versions_here
from autograder.course import Course

__all__ = ["open_cluster"]


def open_cluster(
    entry: Entry, course: Course, uses: tuple[str, ...], notice: Callable[[str], None]
) -> Cluster:
    """The cluster that ``entry`` describes, for submissions of ``course``; ``MachineError`` where
    it cannot be reached. ``uses`` is what its zygotes warm up for."""
    connection = Connection(entry, course.root)
    wish = Wish(course.key.id, course.config.sandbox, uses)
    return Cluster(
        connection, wish, versions_here(), code_that_observes(), notice, entry.wait_seconds
    )
