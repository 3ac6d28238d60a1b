"""How a cluster is named: its entry in ``grading_config.yaml``, or an address on the command line.

Imports nothing of Dask: a config with clusters is read on machines that have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autograder.errors import AuthorError

__all__ = ["ADDRESS", "Cluster", "Tls", "choose"]

ADDRESS = r"^(tcp|tls)://[^\s/]+:[0-9]{1,5}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Tls(_Part):
    """Files in the PEM form, relative to the course's folder: who is trusted, and who we are."""

    ca_file: str = Field(min_length=1)
    cert: str = Field(min_length=1)
    key: str = Field(min_length=1)


class Cluster(_Part):
    """Where a Dask scheduler is found; either ``scheduler`` or ``scheduler_file`` is given.

    ``wait_seconds`` is how long a run waits for a first worker, or for another one when all are
    gone.
    """

    scheduler: str | None = Field(default=None, pattern=ADDRESS)
    scheduler_file: str | None = Field(default=None, min_length=1)
    tls: Tls | None = None
    wait_seconds: float = Field(default=300.0, ge=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _refuse_doubt(self) -> Self:
        if (self.scheduler is None) == (self.scheduler_file is None):
            raise ValueError("either scheduler (an address) or scheduler_file is needed.")
        if self.tls is not None and (self.scheduler or "").startswith("tcp://"):
            raise ValueError("with tls the scheduler's address begins with tls://.")
        if self.tls is None and (self.scheduler or "").startswith("tls://"):
            raise ValueError("a tls:// scheduler needs tls: {ca_file: …, cert: …, key: …}.")
        return self


def choose(clusters: Mapping[str, Cluster], asked: str | None) -> Cluster:
    """The cluster that ``--cluster`` names: an address, or a name of the config; without it the
    only one that the config has. ``AuthorError`` where that is none.

    A ``tls://`` address of the command line takes its certificates from Dask's own config.
    """
    from autograder.config import CONFIG_NAME, nearest

    if asked is None:
        if len(clusters) == 1:
            return next(iter(clusters.values()))
        what = f"one of {', '.join(clusters)}" if clusters else "its address"
        raise AuthorError(
            f"--executor dask: name the cluster with --cluster ({what})"
            + ("." if clusters else f", or describe it in {CONFIG_NAME} below 'clusters:'.")
        )
    if "://" in asked:
        import re

        if not re.fullmatch(ADDRESS, asked):
            raise AuthorError(
                f"--cluster {asked}: a scheduler's address is needed here, such as "
                "tcp://10.0.0.5:8786."
            )
        return Cluster.model_construct(scheduler=asked)
    if asked not in clusters:
        hint = nearest(asked, clusters) if clusters else "; the config has none below 'clusters:'."
        raise AuthorError(f"--cluster {asked}: {CONFIG_NAME} has no such cluster{hint}")
    return clusters[asked]
