"""On a cluster the same comes out as here, and what says what is right never goes there.

The workers are threads of this process, but all that they get and give are bytes; real machines
are in `tests/cluster`.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import nbformat
import pytest
import yaml
from cluster_in_threads import Threads

from autograder.cluster import opening, worker
from autograder.cluster.cluster import Cluster
from autograder.cluster.parcel import Wish, read_answer, read_request
from autograder.course import Course
from autograder.program import main

pytestmark = pytest.mark.heavy

ADDRESS = "tcp://cluster:8786"
OF_A_JOB = {
    *("cells", "names", "also", "probes", "devices", "threads", "start", "shown", "shift", "key"),
    *("limits", "texts", "environment", "gpu_mb"),
}
WRONG = {
    "estudiante-1": {},
    "estudiante-2": {"suma": "x = torch.randn(3)\ny = x.sum()"},
    "estudiante-3": {"doble": "def doble(z):\n    return z + z * 0"},
    "estudiante-4": {"suma": "raise ValueError('no sé')"},
    "estudiante-5": {"suma": "torch.manual_seed(7)\nx = torch.randn(3)\ny = torch.tensor(0.3)"},
}


class Lent:
    """The warm sandbox for workers, who would close it."""

    def __init__(self, sandbox):
        self._sandbox = sandbox

    def __getattr__(self, name):
        return getattr(self._sandbox, name)

    def close(self):
        pass


@pytest.fixture(scope="module")
def template(make_small, hand_in, tmp_path_factory):
    """The small course, handed in by everybody."""
    small = make_small(tmp_path_factory.mktemp("cluster") / "template")
    for student, answers in WRONG.items():
        notebook = nbformat.read(small.path("source"), as_version=4)
        for cell in notebook.cells:
            id = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(id, re.sub(r"### (BEGIN|END) SOLUTION\n?", "", cell.source))
        hand_in(small.root, student, small.name, notebook)
    return small


@pytest.fixture(scope="module")
def right(template, lending, tmp_path_factory):
    """The reports of a run on this machine."""
    root = shutil.copytree(template.root, tmp_path_factory.mktemp("local") / "course")
    with lending(), pytest.raises(SystemExit, match="0"):
        main(["grade", "--course", str(root), "--json", str(root / "out.json"), "--quiet"])
    return (root / "out.json").read_bytes()


@pytest.fixture
def there(template, tmp_path):
    return type(template)(shutil.copytree(template.root, tmp_path / "course"))


@pytest.fixture
def workers(monkeypatch, warm_sandbox):
    """Opens a cluster of the given functions, by address, for whoever opens one."""
    monkeypatch.setattr(worker, "_warm", worker._Warm(lambda wish: Lent(warm_sandbox)))
    monkeypatch.setattr(worker, "_place", lambda: (1, 0))

    def start(answers):
        transport = Threads(
            {name: (lambda request, one=one: one(request.pack())) for name, one in answers.items()}
        )

        def open_cluster(entry, course, uses, notice):
            wish = Wish(course.key.id, course.config.sandbox, uses)
            ours, code = worker.versions_here(), worker.code_that_observes()
            return Cluster(transport, wish, ours, code, notice, wait_seconds=5.0)

        monkeypatch.setattr(opening, "open_cluster", open_cluster)
        return transport

    return start


def graded(autograder, root):
    ran = autograder(
        *("grade", "--course", root, "--json", root / "out.json", "--quiet"),
        *("--executor", "dask", "--cluster", ADDRESS),
    )
    assert (ran.status, ran.err) == (0, "")
    return (root / "out.json").read_bytes()


def test_reports_are_the_same_byte_by_byte_and_no_secret_has_travelled(
    autograder, there, right, workers
):
    transport = workers({"a": worker.answer, "b": worker.answer, "c": worker.answer})

    assert graded(autograder, there.root) == right

    assert {report["score"] for report in json.loads(right)["reports"]} > {3.0}
    jobs = [read_request(data) for _, data, _ in transport.sent]
    jobs = [request.job for request in jobs if request.job is not None]
    assert len(jobs) > 2 * len(WRONG)  # the reference and misconceptions as well
    for job in jobs:
        assert job.keys() <= OF_A_JOB
    sent = b"\n".join(data for _, data, _ in transport.sent).decode("utf-8", "replace")
    key = Course.at(there.root).key
    for secret in [key.secret.hex(), repr(key.secret), str(there.root), *WRONG]:
        assert secret not in sent
    # What is judged by: checks, what each is worth, and what misconceptions are called and told.
    checks = there.path("checks").read_text("utf-8").splitlines()
    hidden = [line.strip() for line in checks if re.search("assert|check|def", line)]
    for one in yaml.safe_load(there.path("misconceptions").read_text("utf-8")):
        hidden += [one["id"], one["es"], one["en"]]
    assert len(hidden) > 15
    for line in hidden:
        assert json.dumps(line)[1:-1] not in sent, line
    # Again, with nothing new, nobody is asked.
    transport.workers.clear()
    count = len(transport.sent)
    assert graded(autograder, there.root) == right
    assert len(transport.sent) == count


def of_architecture(name):
    """A worker on another kind of machine, as it says."""

    def answer(request):
        said = read_answer(worker.answer(request))
        return replace(said, facts={**said.facts, "architecture": name}).pack()

    return answer


def test_each_kind_of_worker_observes_a_reference_of_its_own(autograder, there, right, workers):
    transport = workers({"a": of_architecture("x86_64"), "b": of_architecture("aarch64")})

    got = json.loads(graded(autograder, there.root))["reports"]

    assert [(one["student"], one["exercises"]) for one in got] == [
        (one["student"], one["exercises"]) for one in json.loads(right)["reports"]
    ]
    solution = "y = x.sum()"
    asked = {
        address
        for address, data, _ in transport.sent
        if (job := read_request(data).job) and solution in job["cells"][1]["source"]
    }
    assert asked == {"a", "b"}
    log = (there.root / ".autograder/history" / f"{there.name}.jsonl").read_text("utf-8")
    assert len({json.loads(line)["basis"] for line in log.splitlines()}) == 2


def test_cuda_is_not_asked_for_where_no_worker_has_a_gpu(autograder, there, workers):
    transport = workers({"a": worker.answer})

    ran = autograder(
        *("grade", "--course", there.root, "--device", "cuda"),
        *("--executor", "dask", "--cluster", ADDRESS),
    )

    assert ran.status == 3
    assert ran.err == (
        "autograder: --device cuda: no worker has a GPU that Dask was told of (dask worker "
        "--resources GPU=1); start one, or use --device auto.\n"
    )
    assert transport.jobs() == []
