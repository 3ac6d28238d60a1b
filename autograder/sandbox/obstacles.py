"""What may stand in the sandbox's way on a machine, each with what to install or to allow.

The one place for these sentences: `grade` ends with them, `doctor` shows them.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from .contract import SandboxUnavailable

__all__ = ["APPARMOR_PROFILE", "forbidden", "missing", "python_out_of_reach"]

APPARMOR_PROFILE = Path(__file__).resolve().parent / "apparmor" / "autograder-bwrap"
ROOT = Path("/")
PACKAGES = {
    "bubblewrap": ("bubblewrap", "bubblewrap"),
    "libseccomp": ("libseccomp2", "libseccomp"),
}
"""By program or library: what Debian calls its package, and what Fedora does."""
DETAIL_CAP = 300


def missing(name: str) -> SandboxUnavailable:
    """``name``, a key of ``PACKAGES``, is not installed."""
    debian, fedora = PACKAGES[name]
    return SandboxUnavailable(
        f"The sandbox needs {name}: install it (Debian, Ubuntu: sudo apt install {debian}; "
        f"Fedora: sudo dnf install {fedora})."
    )


def python_out_of_reach(path: Path, covered: str) -> SandboxUnavailable:
    """Python lies where the sandbox shows something else."""
    return SandboxUnavailable(
        f"The sandbox cannot show Python's files: they lie in {path}, and {covered} is private "
        f"inside it; use a Python that lies outside of {covered}."
    )


def forbidden(reason: str) -> SandboxUnavailable:
    """The machine does not allow it. ``reason`` is what bubblewrap or the kernel said."""
    said = " ".join(reason.split())[:DETAIL_CAP]
    return SandboxUnavailable(f"The sandbox cannot be set up here ({said}): {_advice(said)}")


def _advice(said: str) -> str:
    if _setting("proc/sys/user/max_user_namespaces") == "0":
        return "allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000."
    ordinary = os.geteuid() != 0
    if ordinary and _setting("proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1."
    if _in_container() or "mount proc" in said:
        return (
            "the container has to allow namespaces and mounts, and to show an unmasked /proc; "
            "start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined (Docker) or --security-opt seccomp=unconfined "
            "--security-opt unmask=ALL (Podman)."
        )
    if ordinary and _setting("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _apparmor()
    return (
        "user namespaces and mounts in them have to be allowed by the kernel and by whatever "
        "confines this process, such as a container, SELinux or a seccomp filter."
    )


def _apparmor() -> str:
    profile = shlex.quote(str(APPARMOR_PROFILE))
    name = APPARMOR_PROFILE.name
    own = ROOT / "etc/apparmor.d/bwrap-userns-restrict"
    first = (
        f"sudo ln -s {own} /etc/apparmor.d/disable/ && sudo apparmor_parser -R {own} && "
        if own.exists()
        else ""
    )
    return (
        "AppArmor keeps user namespaces from ordinary users (Ubuntu 23.10 and later); allow them "
        f"for bubblewrap: {first}sudo cp {profile} /etc/apparmor.d/ && sudo apparmor_parser -r "
        f"/etc/apparmor.d/{name}; or for every program: sudo sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0."
    )


def _in_container() -> bool:
    marks = (ROOT / ".dockerenv", ROOT / "run/.containerenv")
    return any(mark.exists() for mark in marks) or "KUBERNETES_SERVICE_HOST" in os.environ


def _setting(path: str) -> str | None:
    try:
        return (ROOT / path).read_text().strip()
    except OSError:
        return None
