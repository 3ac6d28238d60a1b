"""A real scheduler and workers on machines of their own: losses cost time, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from network import HUB, Machine, Network

pytestmark = pytest.mark.cluster

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
A = "perceptron"
STUDENTS = 10
SCHEDULER = f"tls://{HUB}:8786"
TCP_SECONDS = 11
"""After which Dask takes a machine for lost whose kernel does not answer; 30 by default, and 11 at
the least. However busy this machine is, its kernel answers."""


@pytest.fixture(scope="module", autouse=True)
def _needed() -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root: nothing of a cluster was tested")
    for program in ("ip", "nsenter", "unshare", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: nothing of a cluster was tested")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=cluster", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def template(make_course, hand_in, notebooks, tmp_path_factory, certificates) -> Path:
    """A course whose submissions take half a second each, so that a run has a middle."""
    root = make_course(
        tmp_path_factory.mktemp("cluster") / "template" / "course", only=[A], misconceptions=True
    )
    config = yaml.safe_load((root / "grading_config.yaml").read_text("utf-8"))
    files = {"ca_file": "cert.pem", "cert": "cert.pem", "key": "key.pem"}
    tls = {name: str(certificates / file) for name, file in files.items()}
    config["clusters"] = {"aula": {"scheduler": SCHEDULER, "tls": tls, "wait_seconds": 40}}
    (root / "grading_config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    first = notebooks.ids(A)[0]
    for number in range(STUDENTS):
        wrong = {"lineal": "H = W @ X\nprint(H)"} if number % 3 == 1 else {}
        if number % 5 == 2:
            wrong["tensores"] = "raise RuntimeError('no sé')"
        own = {first: f"import time\ntime.sleep(0.3)\n# {number}"}
        hand_in(root, f"e{number:02}", A, notebooks.of(A, wrong, own=own))
    hand_in(root, "roto", A, b"{")
    return root


@pytest.fixture(scope="module")
def right(template, lending) -> bytes:
    """The reports of a local run."""
    from autograder.program import main

    root = Path(shutil.copytree(template, template.parent.parent / "local"))
    with lending(), pytest.raises(SystemExit, match="0"):
        main(["grade", "--course", str(root), "--json", str(root / "out.json"), "--quiet"])
    return (root / "out.json").read_bytes()


@dataclass
class Running:
    """`autograder grade --executor dask` on the machine that judges."""

    root: Path
    process: subprocess.Popen[str]

    def observed(self) -> int:
        return sum(1 for _ in (self.root / ".autograder/observations").glob("*/*.safetensors"))

    def wait_for(self, observations: int) -> None:
        give_up = time.monotonic() + 60
        while self.observed() < observations:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < give_up, f"{self.observed()} observations after a minute"
            time.sleep(0.05)

    def ended(self, seconds: float = 90) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


@dataclass
class Cluster:
    """The scheduler, its workers, and the machine that judges."""

    network: Network
    folder: Path
    certificates: Path
    courses: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{HERE}",
            "HOME": str(self.folder),
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": f"{TCP_SECONDS}s",
        }

    @property
    def tls(self) -> list[str]:
        cert, key = str(self.certificates / "cert.pem"), str(self.certificates / "key.pem")
        return ["--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]

    def start_scheduler(self) -> None:
        command = ["dask", "scheduler", "--host", HUB, "--port", "8786", "--protocol", "tls"]
        self.network.machines["hub"].start(
            [*command, *self.tls, "--no-dashboard"], self.environment, self.folder / "scheduler.log"
        )

    def start_worker(self, name: str, *more: str) -> Machine:
        """A worker that sees no course."""
        made = self.network.machine(name, hidden=[self.courses])
        command = ["dask", "worker", SCHEDULER, *self.tls, "--nthreads", "1", "--no-nanny"]
        made.start(
            [*command, "--no-dashboard", "--name", name, *more],
            {**self.environment, "TMPDIR": "/tmp"},
            self.folder / f"{name}.log",
        )
        return made

    def grade(self, root: Path, *more: str) -> Running:
        command = [sys.executable, "-m", "autograder", "grade", "--course", str(root)]
        process = subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{self.network.machines['judge'].space}"),
                *(*command, "--executor", "dask", "--json", str(root / "out.json"), *more),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        return Running(root, process)


@pytest.fixture(scope="module")
def cluster(template, certificates, tmp_path_factory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("machines")
    with Network() as network:
        made = Cluster(network, folder, certificates, template.parent.parent)
        network.machine("judge")
        made.start_scheduler()
        yield made


@pytest.fixture
def course(template) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(template, template.parent.parent / name))


def test_losses_of_workers_cost_no_grade_and_change_no_byte(
    cluster: Cluster, course: Any, right: bytes
) -> None:
    killed, cut = cluster.start_worker("killed"), cluster.start_worker("cut")
    cluster.start_worker("steady")
    cluster.start_worker("rubbish", "--preload", str(HERE / "preload_rubbish.py"))
    cluster.start_worker("older", "--preload", str(HERE / "preload_older.py"))
    root = course("losses")

    running = cluster.grade(root)
    running.wait_for(6)
    killed.die()
    running.wait_for(12)
    cut.cut_off()
    status, out, err = running.ended()

    assert status == 0, err
    assert "e00" in out
    assert (root / "out.json").read_bytes() == right
    log = (root / ".autograder/log").read_text("utf-8")
    assert f"worker tls://{killed.address}:" in log
    assert f"worker tls://{cut.address}:" in log
    assert log.count("the worker is gone") >= 2
    refused = sorted(line for line in err.splitlines() if line.startswith("autograder: worker"))
    assert [line.split("is not used: ")[1].split(" (")[0] for line in refused] == [
        "what it returns is rubbish",
        "torch is 2.4.0 there and 2.13.0 here, where its work is judged; pip install "
        "'torch==2.13.0' there and start it again.",
    ]


def test_a_scheduler_that_goes_away_ends_the_command_with_a_sentence(
    cluster: Cluster, course: Any
) -> None:
    if "steady" not in cluster.network.machines:
        cluster.start_worker("steady")
    root = course("gone")
    config = (root / "grading_config.yaml").read_text("utf-8")
    (root / "grading_config.yaml").write_text(
        config.replace("wait_seconds: 40", "wait_seconds: 2"), "utf-8"
    )

    running = cluster.grade(root, "--cluster", "aula")
    running.wait_for(6)
    cluster.network.machines["hub"].die()
    status, _, err = running.ended()

    assert status == 3
    assert all(line.startswith("autograder: ") for line in err.splitlines()), err
    sentence = err.splitlines()[-1]
    assert sentence.startswith(f"autograder: {SCHEDULER} has not answered for 2 s (")
    assert sentence.endswith("what was observed is kept: grade again once it does.")
    assert running.observed() >= 6
    assert not (root / "out.json").exists()
