"""A graded course, Jupyter servers and a browser for the tests of what people see."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

A1, P = "actividad_1", "perceptron"
START_SECONDS, ACT_SECONDS = 120, 30
BIN = Path(sys.executable).parent
MODULES = {"lab": "jupyterlab", "notebook": "notebook"}


@pytest.fixture(scope="session")
def graded(make_course, hand_in, notebooks, program, repository, tmp_path_factory):
    """A fresh course, without a gradebook, that the real program has graded; and how it ended."""
    root = make_course(tmp_path_factory.mktemp("e2e") / "course", only=[A1, P], misconceptions=True)
    shutil.copy(repository / "nbgrader_config.py", root)
    for name in (A1, P):
        hand_in(root, "ana", name, notebooks.of(name))
    carla = repository / f"examples/carla/{A1}/{A1}.ipynb"
    hand_in(root, "carla", A1, carla.read_bytes())
    hand_in(root, "carla", P, notebooks.of(P, {"lineal": "H = torch.dot(W, X)"}))
    (root / f"submitted/carla/{P}/timestamp.txt").write_text("2026-03-01 12:30:00 UTC")
    deleted = notebooks.of(A1)
    for id in ("formas", "formas-check"):
        del deleted.cells[notebooks.place(deleted, id)]
    hand_in(root, "hugo", A1, deleted)
    hand_in(root, "hugo", P, b'{"cells": [')
    assert not (root / "gradebook.db").exists()
    return root, program("autograder", "grade", "--course", root, "--json", root / "1.json")


@pytest.fixture(scope="session")
def course(graded):
    root, ran = graded
    assert ran.status == 0, ran.err
    return root


@pytest.fixture
def copied(course, tmp_path):
    return shutil.copytree(course, tmp_path / "course")


@dataclass(frozen=True)
class Jupyter:
    """A running server; ``open`` logs a page in and takes it to a path."""

    address: str
    token: str

    def open(self, page: Page, path: str) -> None:
        page.goto(f"{self.address}/login?token={self.token}")
        page.goto(f"{self.address}{path}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def jupyter_environment(home: Path) -> dict[str, str]:
    """An environment in which Jupyter finds no settings but the installed ones."""
    folders = {
        "HOME": "",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **{key: str(home / folders[key]) for key in folders}}


@contextlib.contextmanager
def _serving(app: str, root: Path, home: Path, environment: Mapping[str, str]) -> Iterator[Jupyter]:
    # Nobody is asked whether to read news, and none are looked for.
    quiet = home / "config/lab/user-settings/@jupyterlab/apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}', "utf-8"
    )
    port, token = _free_port(), "token-of-the-tests"
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                # Not `jupyter lab`, which looks for programs elsewhere too.
                *("python", "-m", MODULES[app]),
                "--no-browser",
                "--allow-root",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={token}",
                f"--ServerApp.root_dir={root}",
            ],
            cwd=root,
            env={**jupyter_environment(home), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api?token={token}", server, log)
        yield Jupyter(address, token)
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"Jupyter does not answer: {log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory) -> Iterator[Callable[..., Jupyter]]:
    """Start ``jupyter("lab", root)`` or ``jupyter("notebook", root)``; ended with the tests.

    What else is given goes into the server's environment.
    """
    with contextlib.ExitStack() as running:

        def start(app: str, root: Path, **environment: str) -> Jupyter:
            home = tmp_path_factory.mktemp(app)
            return running.enter_context(_serving(app, root, home, environment))

        yield start


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no chromium here: `make e2e` installs it"
    with sync_playwright() as playwright:
        # As root Chromium has no sandbox of its own; it shows pages of these tests alone.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=found, args=sandbox)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, in Spanish; whatever it logs as an error is in ``page.errors``."""
    context = browser.new_context(locale="es-ES", viewport={"width": 1400, "height": 900})
    context.set_default_timeout(ACT_SECONDS * 1000)
    expect.set_options(timeout=ACT_SECONDS * 1000)
    page: Any = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    context.close()
