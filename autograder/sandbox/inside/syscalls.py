"""Linux calls that Python does not offer, by ctypes; each raises OSError and decides nothing."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "MS_NODEV",
    "MS_NOEXEC",
    "MS_NOSUID",
    "MS_PRIVATE",
    "MS_REC",
    "become_subreaper",
    "collapse_memory",
    "drop_capabilities",
    "forbid_new_privileges",
    "load_seccomp",
    "mount",
    "remount_read_only",
    "remount_without_devices",
    "restrict_files",
    "set_dumpable",
    "setns",
    "unshare",
]

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_NOATIME, MS_RELATIME = 1, 32, 4096, 1024, 1 << 21
ST_RELATIME = 4096

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL, SECCOMP_MODE_FILTER = 4, 2
CAPABILITY_VERSION_3 = 0x20080522

MADV_COLLAPSE, HUGE = 25, 2 << 20
ANONYMOUS = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0\s*(\[heap\])?$")

# The same numbers on every architecture: these calls are younger than the common table.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_VERSION, LANDLOCK_PATH_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
ON_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}  # how many rights a version knows; later: 16

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option: int, value: int = 0) -> None:
    arguments = (ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)
    _checked(_libc.prctl(option, *arguments), f"prctl {option}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), f"unshare {flags:#x}")


def setns(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(descriptor, kind), f"setns {kind:#x}")


def mount(
    kind: str | None, target: str, *, flags: int, source: str | None = None, options: str = ""
) -> None:
    _checked(
        _libc.mount(
            source.encode() if source else None,
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        ),
        f"mount {kind} on {target}",
    )


def remount_read_only(target: str) -> None:
    """A device's content may still be written to."""
    _remount(target, MS_RDONLY)


def remount_without_devices(target: str) -> None:
    """No device there can be opened: PermissionError, as where its mode forbids it."""
    _remount(target, MS_NODEV)


def _remount(target: str, more: int) -> None:
    """Keeps the mount's other flags: a user namespace may not take away those that it inherited."""
    kept = os.statvfs(target).f_flag
    same = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME
    flags = MS_REMOUNT | MS_BIND | more | kept & same
    if kept & ST_RELATIME:
        flags |= MS_RELATIME
    mount(None, target, flags=flags)


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same user may look into this one."""
    _prctl(PR_SET_DUMPABLE, int(dumpable))


def become_subreaper() -> None:
    """Orphans below this process become its own children."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def collapse_memory() -> None:
    """Gather private memory into huge pages, as far as the kernel (from 6.1) can and will.

    A fork copies an entry of the page table for every page; a huge one stands for 512.
    """
    lines = Path("/proc/self/maps").read_text().splitlines()
    for found in filter(None, map(ANONYMOUS.match, lines)):
        start = -(-int(found[1], 16) // HUGE) * HUGE
        for address in range(start, int(found[2], 16) - HUGE + 1, HUGE):
            _libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(HUGE), MADV_COLLAPSE)


def drop_capabilities() -> None:
    """All of them, for good: ambient and bounding set first, which need one to be changed."""
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        try:
            _prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the last one that this kernel has
                break
            raise
    head = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    none = struct.pack("=6I", *[0] * 6)
    _checked(_libc.capset(ctypes.c_char_p(head), ctypes.c_char_p(none)), "capset")


class _Program(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def load_seccomp(program: bytes) -> None:
    """From here on the filter holds, for this process and all that it starts."""
    described = _Program(len(program) // 8, program)
    arguments = (ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(described), 0, 0)
    _checked(_libc.prctl(PR_SET_SECCOMP, *arguments), "seccomp")


def restrict_files(*, read: Iterable[str], write: Iterable[str]) -> int:
    """Landlock: read and execute below `read`, all below `write`, no TCP, no signals outwards.

    Returns the version that the kernel knows; 0, and no restriction, where it knows none.
    """
    version = _libc.syscall(
        ctypes.c_long(LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), LANDLOCK_VERSION
    )
    if version < 1:
        return 0
    every = (1 << RIGHTS_BY_VERSION.get(version, 16)) - 1
    handled = [every]
    if version >= 4:
        handled.append(0b11)  # TCP: bind and connect
    if version >= 6:
        handled.append(0b11)  # abstract sockets and signals out of the domain
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = _checked(
        _libc.syscall(
            ctypes.c_long(LANDLOCK_CREATE_RULESET),
            ctypes.c_char_p(attributes),
            ctypes.c_size_t(len(attributes)),
            0,
        ),
        "landlock_create_ruleset",
    )
    try:
        for path in read:
            _allow(ruleset, path, (EXECUTE | READ_FILE | READ_DIR) & every)
        for path in write:
            _allow(ruleset, path, every)
        _checked(
            _libc.syscall(ctypes.c_long(LANDLOCK_RESTRICT_SELF), ruleset, 0),
            "landlock_restrict_self",
        )
    finally:
        os.close(ruleset)
    return int(version)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not Path(path).is_dir():
            rights &= ON_A_FILE
        rule = struct.pack("=Qi", rights, descriptor)
        _checked(
            _libc.syscall(
                ctypes.c_long(LANDLOCK_ADD_RULE),
                ruleset,
                LANDLOCK_PATH_BENEATH,
                ctypes.c_char_p(rule),
                0,
            ),
            f"landlock_add_rule {path}",
        )
    finally:
        os.close(descriptor)
