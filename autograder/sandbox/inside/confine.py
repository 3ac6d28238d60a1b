"""Take from this process what a submission must not have; in an order that works for any user.

Mounts and namespaces need the capabilities that bubblewrap left to the zygote, so they come
first; then a user namespace of the child's own, then everything that only takes away.
"""

from __future__ import annotations

import os
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import syscalls
from .syscalls import MS_NODEV, MS_NOEXEC, MS_NOSUID

__all__ = ["SCRATCH", "Bounds", "confine", "limit_resources", "protect_devices", "settle"]

SCRATCH = "/tmp"
WRITABLE = (SCRATCH, "/dev/shm", "/dev/null", "/dev/full")
GPU_NODES = "nvidia*"
INODES = 20_000


@dataclass(frozen=True)
class Bounds:
    """The numbers that the host sends; it has done the arithmetic."""

    cpu_seconds: int
    scratch_bytes: int
    data_bytes: int
    tasks: int | None
    """None where a cgroup counts processes: RLIMIT_NPROC would count other people's as well."""
    gpu: bool = False


def confine(bounds: Bounds, seccomp: bytes) -> None:
    """Full isolation: namespaces, mounts, limits, no capabilities, landlock, seccomp."""
    syscalls.unshare(
        syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS
    )
    _mount_own(bounds.scratch_bytes)
    gpus = _gpu_nodes()
    if not bounds.gpu:
        # Most have no business with it. CUDA takes what it may not open for no GPU, in silence.
        for node in gpus:
            syscalls.remount_without_devices(str(node))
    _enter_user_namespace()
    settle(Path(SCRATCH))
    limit_resources(bounds)
    syscalls.drop_capabilities()
    syscalls.forbid_new_privileges()
    # Entering the user namespace may have reset it, and /proc/self would belong to nobody.
    syscalls.set_dumpable(True)
    # CUDA names its threads through /proc, and does not start where it may not. Only what is this
    # submission's own is there: see _mount_proc.
    own = [*map(str, gpus), "/proc"] if bounds.gpu else []
    # All that this mount namespace shows was put there to be read, so landlock's part is writing.
    syscalls.restrict_files(read=["/"], write=[*WRITABLE, *own])
    syscalls.load_seccomp(seccomp)


def protect_devices() -> None:
    """For all children, once: a read-only mount of a device still lets it be written to, but not
    its mode or owner be changed, which are the host's own when root grades. (bubblewrap's
    --remount-ro would also forbid the device itself.)"""
    for node in Path("/dev").iterdir():
        if node.is_char_device() and not node.is_symlink():
            syscalls.remount_read_only(str(node))
    for folder in filter(Path.is_dir, _gpu_nodes()):
        syscalls.remount_read_only(str(folder))


def _gpu_nodes() -> list[Path]:
    return sorted(Path("/dev").glob(GPU_NODES))


def _mount_own(scratch_bytes: int) -> None:
    syscalls.mount(None, "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    _mount_proc()
    size = f"size={scratch_bytes},mode=0700"
    syscalls.mount(
        "tmpfs",
        SCRATCH,
        source="scratch",
        flags=MS_NOSUID | MS_NODEV,
        options=f"{size},nr_inodes={INODES}",
    )
    syscalls.mount(
        "tmpfs",
        "/dev/shm",
        source="shm",
        flags=MS_NOSUID | MS_NODEV | MS_NOEXEC,
        options=f"{size},nr_inodes={INODES}",
    )


def _mount_proc() -> None:
    # Without subset=pid (Linux 5.8) there would be /proc/sys, which the kernel lets root's user
    # id write to even if it has no capability: no older kernel, then, instead of a fallback.
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    syscalls.mount("proc", "/proc", source="proc", flags=flags, options="subset=pid")


def _enter_user_namespace() -> None:
    user, group = os.getuid(), os.getgid()
    # The zygote is not dumpable, nor is its fork: its /proc/self would belong to root alone.
    syscalls.set_dumpable(True)
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)


def settle(scratch: Path) -> None:
    """Make the scratch folder home, working directory and place of temporary files."""
    os.chdir(scratch)
    os.environ.update(HOME=str(scratch), TMPDIR=str(scratch), PWD=str(scratch))
    tempfile.tempdir = None


def limit_resources(bounds: Bounds) -> None:
    """Limits for each process. Those for the whole submission are the host's: cgroup, deadline."""
    limits = {
        # A backstop: the deadline on the wall clock is what ends a submission.
        resource.RLIMIT_CPU: (bounds.cpu_seconds, bounds.cpu_seconds + 2),
        resource.RLIMIT_FSIZE: bounds.scratch_bytes,
        # Not RLIMIT_AS: torch and CUDA reserve far more address space than they use.
        resource.RLIMIT_DATA: bounds.data_bytes,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_STACK: (8 << 20, 64 << 20),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    if bounds.gpu:
        limits[resource.RLIMIT_NOFILE] = 1024  # CUDA opens its nodes dozens of times
        del limits[resource.RLIMIT_MEMLOCK]  # what the host gave us: CUDA pins memory
        limits[resource.RLIMIT_FSIZE] = bounds.data_bytes  # and maps files that are memory
    if bounds.tasks is not None:
        limits[resource.RLIMIT_NPROC] = bounds.tasks
    for kind, value in limits.items():
        soft, hard = value if isinstance(value, tuple) else (value, value)
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))
