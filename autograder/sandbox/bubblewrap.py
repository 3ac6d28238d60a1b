"""The bubblewrap command line: which parts of the host the zygote sees.

What is not bound here does not exist inside: no home, no course, no other part of the package.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import driver, interpreter, obstacles
from .staging import Staging

__all__ = ["HOME", "MODULES", "Bubblewrap"]

MODULES = "/inside"
HOME = "/tmp"
USER_ID = "1000"
DEVICES = ("null", "full", "random", "urandom")
"""Not zero: a shared map of it is memory that belongs to no process and no file system."""
LINKS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",  # Debian's choice of BLAS
    "/etc/localtime",
    "/etc/fonts",
    "/etc/ssl/certs",
    "/sys/devices/system/cpu",
)
ACCOUNTS = {
    "/etc/passwd": f"student:x:{USER_ID}:{USER_ID}::{HOME}:/bin/sh\n",
    "/etc/group": f"student:x:{USER_ID}:\n",
}


class Bubblewrap:
    """A command line, and the descriptors that it names; close them once it runs."""

    def __init__(self, staging: Staging, environment: Mapping[str, str]) -> None:
        program = shutil.which("bwrap")
        if program is None:
            raise obstacles.missing("bubblewrap")
        self.descriptors: list[int] = []
        self.info, told = os.pipe2(os.O_CLOEXEC)
        self.descriptors.append(told)
        self.command = [program, "--info-fd", str(told), *self._options(staging, environment)]

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()

    def _options(self, staging: Staging, environment: Mapping[str, str]) -> Iterator[str]:
        # Not --die-with-parent: the kernel means the thread that started it, which may be a worker
        # that ends long before we do. The zygote leaves when its control socket closes.
        yield from ("--unshare-all", "--unshare-user", "--new-session", "--clearenv")
        # The zygote is the first process of its namespace: its end, whatever ends it, is the end of
        # all that it has forked. bubblewrap's own first process would wait for them instead.
        yield "--as-pid-1"
        yield from ("--hostname", "sandbox", "--uid", USER_ID, "--gid", USER_ID)
        yield from ("--ro-bind", "/usr", "/usr")
        yield from self._system()
        yield from ("--size", str(64 << 20), "--tmpfs", HOME)
        yield from ("--proc", "/proc")
        yield from self._devices()
        for folder in interpreter.folders():
            yield from ("--ro-bind", str(folder), str(interpreter.place(folder)))
        for folder in interpreter.packages():
            if (folder / "autograder").is_dir():  # installed, not run from its source
                yield from ("--tmpfs", str(interpreter.place(folder) / "autograder"))
        for folder in driver.libraries() if driver.nodes() else ():
            if not folder.is_relative_to("/usr"):
                yield from ("--ro-bind", str(folder), str(folder))
        yield from ("--ro-bind", str(staging.modules), MODULES)
        yield from ("--remount-ro", "/", "--remount-ro", "/dev", "--chdir", HOME)
        # For the children's own namespaces; each child drops both before any student code.
        yield from ("--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP")
        for name, value in environment.items():
            yield from ("--setenv", name, value)

    def _system(self) -> Iterator[str]:
        for name in SYSTEM:
            path = Path(name)
            if path.is_symlink():
                yield from ("--symlink", str(path.readlink()), name)
            elif path.is_dir():
                yield from ("--ro-bind", name, name)
        for name in SETTINGS:
            yield from ("--ro-bind-try", name, name)
        for name, text in ACCOUNTS.items():
            descriptor = os.memfd_create("account", os.MFD_CLOEXEC)
            self.descriptors.append(descriptor)
            os.pwrite(descriptor, text.encode(), 0)
            yield from ("--ro-bind-data", str(descriptor), name)

    def _devices(self) -> Iterator[str]:
        # Not --dev: it makes a second user namespace, and the zygote could not setns back.
        yield from ("--size", str(64 << 10), "--tmpfs", "/dev", "--dir", "/dev/shm")
        for name, target in LINKS.items():
            yield from ("--symlink", f"/proc/self/fd{target}", f"/dev/{name}")
        gpus = [node.name for node in driver.nodes()]
        for name in (*DEVICES, *gpus):
            yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
