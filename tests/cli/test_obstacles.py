"""Where the sandbox cannot be had, `grade` refuses and `doctor` says why, in the same words."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from autograder.sandbox import obstacles

P = "perceptron"
BOTH = """
import sys
from autograder.program import main
for command in ("doctor", "grade"):
    try:
        main([command, "--course", sys.argv[1]])
        print("status", command, 0)
    except SystemExit as ended:
        print("status", command, ended.code)
"""
FILTER = """
import sys
from autograder.sandbox import seccomp
from autograder.sandbox.inside import syscalls
syscalls.forbid_new_privileges()
syscalls.load_seccomp(seccomp.program())
"""
"""As a container's filter does, ours refuses new namespaces and mounts."""


LOST = """
import ctypes
load = ctypes.CDLL
def lose(name, *more, **named):
    if "seccomp" in str(name):
        raise OSError("libseccomp.so.2: cannot open shared object file")
    return load(name, *more, **named)
ctypes.CDLL = lose
"""


@pytest.fixture
def course(make_course, tmp_path, hand_in):
    made = make_course(tmp_path / "course", only=[P])
    hand_in(made, "ana", P, b"{}")
    return made


@pytest.fixture
def both(course):
    """Run `doctor` and `grade` behind a shell's ``set_up`` in namespaces of their own; what
    doctor says of the sandbox, and what grade says. Skipped where there are none."""

    def run(set_up="true", before=""):
        code = f"{before}\n{BOTH}"
        command = f"{set_up} && exec {shlex.join([sys.executable, '-c', code, str(course)])}"
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if "status doctor" not in done.stdout:
            pytest.skip(f"no namespaces to try it in: {done.stderr}")
        assert "status doctor 1\n" in done.stdout, done.stdout
        assert "status grade 3\n" in done.stdout, done.stdout
        (row,) = re.findall(r"^BAD   sandbox: (.*)$", done.stdout, re.MULTILINE)
        (sentence,) = done.stderr.splitlines()
        assert not (course / "autograded").exists()
        return row, sentence.removeprefix("autograder: ")

    return run


def test_a_machine_without_user_namespaces_is_told_the_sysctl(both):
    row, sentence = both("echo 0 > /proc/sys/user/max_user_namespaces")

    assert row == sentence
    assert "sudo sysctl -w user.max_user_namespaces=10000" in sentence
    assert "bwrap:" in sentence


@pytest.mark.heavy
def test_a_container_that_masks_proc_is_told_its_options(both):
    row, sentence = both("{ mount -t tmpfs none /proc/acpi || mount -t tmpfs none /proc/tty; }")

    assert row == sentence
    assert "Can't mount proc" in sentence
    assert "--security-opt systempaths=unconfined (Docker)" in sentence
    assert "--security-opt unmask=ALL (Podman)" in sentence


@pytest.mark.heavy
def test_a_container_whose_filter_refuses_namespaces_is_told_so(both):
    row, sentence = both(before=FILTER)

    assert row == sentence
    assert "seccomp" in sentence


@pytest.mark.heavy
def test_a_missing_bubblewrap_and_a_missing_libseccomp_are_told_what_to_install(both):
    row, sentence = both(before=LOST)
    assert row == sentence == str(obstacles.missing("libseccomp"))
    assert "sudo apt install libseccomp2" in sentence

    row, sentence = both("mount --bind /dev/null $(command -v bwrap)")
    assert row == sentence == str(obstacles.missing("bubblewrap"))
    assert "sudo apt install bubblewrap" in sentence


# --- settings that this machine does not have ----------------------------------------------------


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """What ``forbidden`` says to an ordinary user of a machine with these files."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(obstacles, "ROOT", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def say(reason="bwrap: no", **files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(obstacles.forbidden(reason))

    return say


USERS = "proc__sys__user__max_user_namespaces"
CLONE = "proc__sys__kernel__unprivileged_userns_clone"
APPARMOR = "proc__sys__kernel__apparmor_restrict_unprivileged_userns"


def test_ubuntu_is_told_how_to_allow_bubblewrap_by_a_profile_that_is_here(machine):
    said = machine(**{APPARMOR: "1\n", CLONE: "1\n", USERS: "90000\n"})

    copied = re.search(r"sudo cp (\S+) /etc/apparmor.d/ && sudo apparmor_parser -r (\S+);", said)
    assert copied
    assert copied[1] == str(obstacles.APPARMOR_PROFILE)
    assert copied[2] == f"/etc/apparmor.d/{obstacles.APPARMOR_PROFILE.name}"
    assert "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in said
    text = obstacles.APPARMOR_PROFILE.read_text("utf-8")
    rules = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    assert "profile autograder-bwrap /usr/bin/bwrap flags=(unconfined) {" in rules
    assert "userns," in rules


def test_a_later_ubuntu_is_told_to_take_its_own_profile_away_first(machine):
    said = machine(**{APPARMOR: "1", "etc__apparmor.d__bwrap-userns-restrict": "profile bwrap"})

    assert said.index("/etc/apparmor.d/disable/") < said.index("sudo cp")
    assert "sudo apparmor_parser -R " in said


def test_debians_own_setting_is_named(machine):
    assert "sudo sysctl -w kernel.unprivileged_userns_clone=1" in machine(**{CLONE: "0\n"})


@pytest.mark.parametrize("mark", [".dockerenv", "run__.containerenv"])
def test_inside_a_container_the_containers_options_are_named(machine, mark):
    assert "(Docker)" in machine(**{mark: "", APPARMOR: "1"})


def test_root_is_not_sent_after_what_binds_ordinary_users(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    said = machine(**{APPARMOR: "1", CLONE: "0"})

    assert "AppArmor keeps" not in said
    assert "sysctl" not in said


def test_whatever_was_said_becomes_one_line_of_some_length(machine):
    said = machine("bwrap: one\ntwo\n" + "x" * 5000)

    assert "(bwrap: one two xxx" in said
    assert "\n" not in said
    assert len(said) < 700


def test_the_profile_is_installed_with_the_package(repository):
    import tomllib

    config = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    assert "sandbox/apparmor/*" in config["tool"]["setuptools"]["package-data"]["autograder"]
