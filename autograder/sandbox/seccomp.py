"""The system-call filter of a submission as a BPF program; built on the host, loaded in the child.

It is built here because libseccomp is looked for with ldconfig's cache and need not exist inside.
The filter lists what is refused, not what is allowed: torch, NumPy, BLAS and subprocesses use too
many calls for an allow list that would hold over their versions, and namespaces, capabilities and
landlock already stand behind it. What is refused is the kernel's attack surface.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import socket
from collections.abc import Iterable
from typing import Any

from . import obstacles
from .contract import SandboxUnavailable

__all__ = ["program"]

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
NOT_EQUAL, MASKED_EQUAL = 1, 7
UNKNOWN_CALL = -1
AF_UNIX = 1
SHARED_ANONYMOUS = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
TERMINAL_IOCTLS = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX type into a terminal

# CLONE_NEW-: NS, CGROUP, UTS, IPC, USER, PID, NET
NAMESPACE_FLAGS = (
    0x00020000,
    0x02000000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)

REFUSED = (
    "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp "
    "pidfd_getfd  mount umount umount2 pivot_root chroot move_mount open_tree open_tree_attr "
    "fsopen fsconfig fsmount  fspick mount_setattr statmount listmount unshare setns  keyctl "
    "add_key request_key bpf perf_event_open userfaultfd  io_uring_setup io_uring_enter "
    "io_uring_register  kexec_load kexec_file_load init_module finit_module delete_module "
    "open_by_handle_at name_to_handle_at swapon swapoff reboot sethostname setdomainname "
    "settimeofday clock_settime clock_adjtime adjtimex quotactl quotactl_fd acct syslog iopl "
    "ioperm  modify_ldt vhangup lookup_dcookie fanotify_init fanotify_mark memfd_secret "
    "vmsplice personality  setpriority sched_setscheduler sched_setattr sched_setparam "
    "ioprio_set  migrate_pages move_pages set_mempolicy mbind set_mempolicy_home_node  shmget "
    "shmat shmctl msgget semget mq_open "
)


class _Comparison(ctypes.Structure):
    """libseccomp's struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@functools.cache
def program(*, refuse_uncounted: bool = False) -> bytes:
    """The BPF program. `refuse_uncounted` is for where memory is watched, not charged to a cgroup:
    shared memory that is in no file system outlives its pages' last map, and nobody sees it."""
    filter_ = _Filter()
    try:
        for name in REFUSED.split():
            filter_.refuse(name, errno.EPERM)
        # Its flags lie behind a pointer, out of a filter's sight; libc falls back to clone.
        filter_.refuse("clone3", errno.ENOSYS)
        for flag in NAMESPACE_FLAGS:
            filter_.refuse("clone", errno.EPERM, [_Comparison(0, MASKED_EQUAL, flag, flag)])
        filter_.refuse("socket", errno.EACCES, [_Comparison(0, NOT_EQUAL, AF_UNIX, 0)])
        for request in TERMINAL_IOCTLS:
            filter_.refuse("ioctl", errno.EPERM, [_lower_half(1, request)])
        if refuse_uncounted:
            filter_.refuse("memfd_create", errno.ENOSYS)
            shared = _Comparison(3, MASKED_EQUAL, SHARED_ANONYMOUS, SHARED_ANONYMOUS)
            filter_.refuse("mmap", errno.EPERM, [shared])
            larger = [_lower_half(1, socket.SOL_SOCKET), _lower_half(2, socket.SO_SNDBUF)]
            filter_.refuse("setsockopt", errno.EPERM, larger)
        return filter_.export()
    finally:
        filter_.release()


def _lower_half(argument: int, value: int) -> _Comparison:
    """The kernel looks at the lower half of such arguments alone, so the filter must do so too."""
    return _Comparison(argument, MASKED_EQUAL, 0xFFFFFFFF, value)


class _Filter:
    """A filter context of libseccomp."""

    def __init__(self) -> None:
        self._library = _load()
        self._context: int | None = self._library.seccomp_init(ALLOW)
        if not self._context:
            raise SandboxUnavailable("libseccomp could not make a filter (seccomp_init failed).")

    def refuse(self, name: str, number: int, when: Iterable[_Comparison] = ()) -> None:
        """Let the call fail with `number`. A call that libseccomp does not know is left out."""
        call = self._library.seccomp_syscall_resolve_name(name.encode())
        if call == UNKNOWN_CALL:
            return
        comparisons = list(when)
        array = (_Comparison * len(comparisons))(*comparisons)
        action = ERRNO | number
        result = self._library.seccomp_rule_add_array(
            self._context, action, call, len(comparisons), array
        )
        if result not in (0, -errno.EEXIST):
            raise SandboxUnavailable(f"libseccomp refused the rule for {name} (error {-result}).")

    def export(self) -> bytes:
        descriptor = os.memfd_create("seccomp", os.MFD_CLOEXEC)
        try:
            result = self._library.seccomp_export_bpf(self._context, descriptor)
            if result != 0:
                raise SandboxUnavailable(f"libseccomp gave no program (error {-result}).")
            return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        finally:
            os.close(descriptor)

    def release(self) -> None:
        if self._context:
            self._library.seccomp_release(self._context)
            self._context = None


def _load() -> Any:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise obstacles.missing("libseccomp") from None
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    return library
