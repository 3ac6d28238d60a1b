"""The connection to a Dask scheduler: who is there, and bytes to and fro. Alone imports Dask.

Bytes are all that is taken from workers: this client reads no pickled results. Dask's own messages
between client, scheduler and workers, and exceptions, are pickled: see SECURITY.md.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import uuid
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from autograder.cluster.entry import Cluster as Entry
from autograder.cluster.transport import Failed, Lost, Unreachable
from autograder.cluster.worker import answer
from autograder.errors import MachineError

__all__ = ["MISSING", "Connection"]

MISSING = (
    "--executor dask needs dask.distributed, which is not installed here: "
    "pip install 'autograder[dask]'."
)
CONNECT_SECONDS = 15.0
ASK_SECONDS = 5.0
FETCH_SECONDS = 20.0
PLAIN = ["dask", "msgpack"]
"""How values may be written on the way: not as pickles. Bytes need nothing else."""


class Connection:
    """A Dask client; thread-safe."""

    def __init__(self, entry: Entry, root: Path) -> None:
        """Connect; ``MachineError`` where Dask is missing or no scheduler answers. ``root`` is the
        course's folder."""
        try:
            import dask
            import distributed
            import tornado  # noqa: F401 - has its loggers
        except ImportError as error:
            raise MachineError(MISSING) from error
        _log_with_ours()
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "4 GiB"})
        self.name = entry.scheduler or str(root / str(entry.scheduler_file))
        options: dict[str, Any] = {"address": entry.scheduler}
        if entry.scheduler_file is not None:
            path = root / entry.scheduler_file
            if not path.exists():
                # Dask would wait for it without end.
                raise MachineError(f"{path}: there is no such file; is the scheduler started?")
            options = {"scheduler_file": str(path)}
        if entry.tls is not None:
            options["security"] = _security(distributed, entry, root)
        self._open: Callable[[], Any] = functools.partial(
            distributed.Client,
            **options,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
            serializers=PLAIN,
            deserializers=PLAIN,
            name="autograder",
        )
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                self._client = self._open()
        except Exception as error:  # names, sockets, certificates, settings of Dask's
            why = str(error)[:300] or type(error).__name__
            raise MachineError(
                f"no Dask scheduler can be reached at {self.name} ({why}); start it, or mend the "
                "address or its certificates."
            ) from error
        for one in told:
            logging.getLogger("autograder").info("%s", one.message)

    def members(self) -> Collection[str]:
        try:
            if self._client.status == "closed":  # it gives a scheduler up that is gone for long
                self._client = self._open()
            client = self._client
            found: dict[str, int] = client.sync(
                client.scheduler.ncores, workers=None, callback_timeout=ASK_SECONDS
            )
        except Exception as error:  # whatever Dask raises for a scheduler that is gone
            raise Unreachable(str(error) or type(error).__name__) from error
        return set(found)

    def send(self, address: str, data: bytes, *, gpu: bool) -> _Delivery:
        try:
            future = self._client.submit(
                answer,
                data,
                key=f"autograder-{uuid.uuid4().hex}",
                workers=[address],
                allow_other_workers=False,
                retries=0,
                resources={"GPU": 1} if gpu else None,
                pure=False,
            )
        except Exception as error:  # a connection that is being made anew
            raise Lost(f"nothing can be sent: {error}") from error
        return _Delivery(future)

    def close(self) -> None:
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            self._client.close(timeout=5)


class _Delivery:
    """A future of Dask's."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def done(self) -> bool:
        return bool(self._future.done())

    def when_done(self, call: Callable[[], None]) -> None:
        self._future.add_done_callback(lambda _: call())

    def content(self) -> object:
        from distributed import CancelledError, KilledWorker

        try:
            return self._future.result(timeout=FETCH_SECONDS)
        except TimeoutError:
            raise
        except (CancelledError, KilledWorker, OSError) as error:
            raise Lost(str(error) or type(error).__name__) from error
        except TypeError as error:
            return error  # something that is no bytes, which was not unpickled
        except Exception as error:
            raise Failed(f"{type(error).__name__}: {error}"[:2000]) from error

    def withdraw(self) -> None:
        with contextlib.suppress(Exception):  # of a scheduler that is gone, and the run with it
            self._future.cancel()


def _security(distributed: Any, entry: Entry, root: Path) -> Any:
    assert entry.tls is not None
    files = {name: root / value for name, value in entry.tls.model_dump().items()}
    for name, path in files.items():
        if not path.exists():
            raise MachineError(f"{path}: there is no such file (tls.{name} of the cluster).")
    return distributed.Security(
        require_encryption=True,
        tls_ca_file=str(files["ca_file"]),
        tls_client_cert=str(files["cert"]),
        tls_client_key=str(files["key"]),
    )


def _log_with_ours() -> None:
    """What Dask has to say goes into our log: the screen is for sentences."""
    ours = logging.getLogger("autograder").handlers
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] not in ("distributed", "tornado"):
            continue
        logger = logging.getLogger(name)
        top = "." not in name
        logger.handlers = list(ours) or [logging.NullHandler()] if top else []
        logger.propagate = not top
