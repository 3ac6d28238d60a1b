"""Who gets a run, and what it costs that a worker is lost, late, wrong or full of rubbish."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from cluster_in_threads import (
    CELL,
    FACTS,
    HELLO,
    VERSIONS,
    Threads,
    cluster_of,
    good,
    ran,
    worker,
)

from autograder.cluster import cluster as module
from autograder.cluster.cluster import KindLost
from autograder.cluster.transport import Failed, Lost
from autograder.errors import MachineError, MachineStopped
from autograder.observation import Observation
from autograder.sandbox import Ended, SandboxBroken

JOB = {"cells": [], "devices": ["cpu"]}
CUDA_JOB = {"cells": [], "devices": ["cpu", "cuda"]}
GPU = {**FACTS, "torch": "2.13.0+cu130", "cuda": True, "gpu": "NVIDIA H100"}
WITH_GPU = replace(HELLO, facts=GPU, threads=8, gpus=1)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(module, "OTHERS_SECONDS", 0.1)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 1.0)


@pytest.fixture
def opened():
    """Opens clusters of workers by address, and closes them at the end."""
    made = []

    def open_(workers, **options):
        said = []
        transport = Threads(dict(workers))
        cluster = cluster_of(transport, said, **{"wait_seconds": 2.0, **options})
        made.append(cluster)
        return cluster, transport, said

    yield open_
    for cluster in made:
        cluster.close()


def run(kind, job=JOB, heard=None):
    from autograder.sandbox import Limits

    frames = [] if heard is None else heard
    return kind.run(job, limits=Limits(seconds=0.1), on_frame=lambda frame, _: frames.append(frame))


def test_a_run_gives_what_the_worker_sent_and_how_it_ended(opened):
    cluster, _, said = opened({"a": good()})
    (kind,) = cluster.kinds(cuda=False)
    heard = []

    ended = run(kind, heard=heard)

    assert ended == Ended("finished", "exit status 0", 0.5)
    assert heard == [CELL]
    assert kind.facts == FACTS
    assert said == []


def test_runs_go_to_the_least_busy_worker_and_one_of_them_waits_there(opened, monkeypatch):
    waiting, go = [], threading.Event()

    def slow(request):
        waiting.append(request)
        go.wait(5)
        return ran()

    cluster, transport, _ = opened({"a": worker(slow), "b": worker(slow)})
    (kind,) = cluster.kinds(cuda=False)
    monkeypatch.setattr(module, "GRACE_SECONDS", 30.0)  # a slow run is not a late one here
    threads = [threading.Thread(target=run, args=[kind]) for _ in range(6)]
    for one in threads:
        one.start()
    time.sleep(0.2)

    assert sorted(transport.jobs()) == ["a", "a", "b", "b"]
    go.set()
    for one in threads:
        one.join(5)
    assert len(transport.jobs()) == 6


def lost(request):
    raise Lost("gone with it")


def unable(request):
    raise Failed("ModuleNotFoundError: No module named 'torch'")


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(lost, id="lost"),
        pytest.param(unable, id="unable"),
        pytest.param(lambda request: None, id="silent"),
        pytest.param(lambda request: b"\0" * 40, id="rubbish"),
        pytest.param(lambda request: {"a": "pickle"}, id="no bytes"),
        pytest.param(lambda request: ran()[:-1], id="cut"),
        pytest.param(
            lambda request: replace(HELLO, failed="the zygote died").pack(), id="broken sandbox"
        ),
        pytest.param(lambda request: ran(replace(HELLO, code="other")), id="other code"),
        pytest.param(
            lambda request: ran(replace(HELLO, facts={**FACTS, "python": "3.12.1"})),
            id="other facts",
        ),
    ],
)
def test_a_run_that_comes_to_nothing_is_done_by_another_worker(opened, behaviour):
    cluster, transport, _ = opened({"a": worker(behaviour), "b": good()})
    (kind,) = cluster.kinds(cuda=False)

    ended = run(kind)

    assert ended.how == "finished"
    assert transport.jobs() == ["a", "b"]


def test_a_worker_that_vanishes_in_the_middle_of_a_run_costs_a_retry(opened, monkeypatch):
    cluster, transport, _ = opened({"a": worker(lambda request: None), "b": good()})
    (kind,) = cluster.kinds(cuda=False)
    monkeypatch.setattr(module, "GRACE_SECONDS", 30.0)
    threading.Timer(0.1, lambda: transport.workers.pop("a")).start()

    assert run(kind).how == "finished"
    assert transport.jobs() == ["a", "b"]
    assert [one.withdrawn for one in transport.deliveries if one.address == "a"] == [False, True]


def test_who_returned_rubbish_once_is_left_out_and_named_once(opened):
    cluster, transport, said = opened({"a": worker(lambda request: b"\0" * 40), "b": good()})
    (kind,) = cluster.kinds(cuda=False)

    for _ in range(4):
        run(kind)

    assert transport.jobs() == ["a", "b", "b", "b", "b"]
    (sentence,) = said
    assert sentence.startswith("worker a is not used: what it returns is rubbish (")


def test_frames_that_our_parser_refuses_are_rubbish_of_the_worker_not_of_the_student(opened):
    wrong = {**CELL, "index": 7}
    cluster, transport, _ = opened({"a": worker(lambda request: ran(HELLO, wrong)), "b": good()})
    (kind,) = cluster.kinds(cuda=False)

    with pytest.raises(SandboxBroken, match="a returned rubbish: a frame speaks of a cell"):
        kind.run(JOB, on_frame=Observation().accept)
    assert kind.attempts > 1
    kind.run(JOB, on_frame=Observation().accept)
    assert transport.jobs() == ["a", "b"]


def test_what_takes_three_workers_down_is_one_submissions_fault_and_ends(opened):
    cluster, transport, _ = opened({name: worker(lost) for name in "abcde"})
    (kind,) = cluster.kinds(cuda=False)

    with pytest.raises(MachineError, match="3 workers were lost while they ran it") as caught:
        run(kind)

    assert not isinstance(caught.value, MachineStopped)
    assert transport.jobs() == ["a", "b", "c"]


def test_a_worker_on_which_three_runs_in_a_row_failed_is_left_out(opened):
    broken = worker(lambda request: replace(HELLO, failed="it broke").pack())
    cluster, transport, said = opened({"a": broken, "b": good()})
    (kind,) = cluster.kinds(cuda=False)

    for _ in range(5):
        run(kind)

    assert transport.jobs().count("a") == 3
    assert said == ["worker a is not used: 3 runs in a row failed there: it broke."]


def test_failures_between_which_runs_succeed_leave_nobody_out(opened):
    turns = []

    def shaky(request):
        turns.append(1)
        return replace(HELLO, failed="it broke").pack() if len(turns) % 3 else ran()

    cluster, _, said = opened({"a": worker(shaky)})
    (kind,) = cluster.kinds(cuda=False)

    for _ in range(4):
        run(kind)
    assert len(turns) == 12
    assert said == []


def test_of_many_workers_that_do_not_fit_for_one_reason_one_is_named(opened):
    bad = replace(HELLO, code="other")
    cluster, _, said = opened({"a": good(), "b": good(bad), "c": good(bad), "d": good(bad)})
    cluster.kinds(cuda=False)

    assert len(said) == 1


def test_workers_that_join_later_take_part(opened):
    cluster, transport, _ = opened({"a": worker(lost)})
    (kind,) = cluster.kinds(cuda=False)
    transport.workers.pop("a")
    threading.Timer(0.1, lambda: transport.workers.update(late=good())).start()

    assert run(kind).how == "finished"


@pytest.mark.parametrize(
    ("hello", "sentence"),
    [
        (
            replace(HELLO, versions={**VERSIONS, "torch": "2.12.1"}),
            "torch is 2.12.1 there and 2.13.0 here, where its work is judged; pip install "
            "'torch==2.13.0' there and start it again",
        ),
        (
            replace(HELLO, versions={**VERSIONS, "autograder": "0.0.9"}),
            "autograder is 0.0.9 there and 0.1.0 here, where its work is judged; pip install "
            "'autograder==0.1.0' there and start it again",
        ),
        (
            replace(HELLO, code="other"),
            "its copy of autograder is another one than the one that judges, though of the same "
            "version; install the same one there and start it again",
        ),
        (replace(HELLO, failed="Install bubblewrap."), "Install bubblewrap"),
        (
            replace(HELLO, facts={**FACTS, "isolation": "none"}),
            "it does not isolate as the config says",
        ),
    ],
)
def test_a_worker_that_does_not_fit_is_refused_with_a_sentence(opened, hello, sentence):
    cluster, transport, said = opened({"a": good(hello), "b": good()})
    (kind,) = cluster.kinds(cuda=False)

    run(kind)
    run(kind)

    assert said == [f"worker a is not used: {sentence}."]
    assert transport.jobs() == ["b", "b"]


def test_a_cluster_without_a_fitting_worker_says_why(opened):
    cluster, _, _ = opened({"a": good(replace(HELLO, versions={**VERSIONS, "torch": "2.4.0"}))})

    with pytest.raises(MachineError, match="can be used: worker a is not used: torch"):
        cluster.kinds(cuda=False)


def test_a_worker_without_our_package_says_what_to_install(opened):
    def unable(request):
        raise Failed("ModuleNotFoundError: No module named 'autograder'")

    cluster, _, said = opened({"a": unable, "b": good()})
    cluster.kinds(cuda=False)

    (sentence,) = said
    assert sentence.endswith("pip install 'autograder[dask]'.")


def test_an_empty_cluster_is_waited_for_and_then_given_up(opened):
    cluster, _, _ = opened({}, wait_seconds=0.2)

    with pytest.raises(MachineError, match="no worker has come to tcp://cluster:8786 in 0 s"):
        cluster.kinds(cuda=False)


def test_when_all_workers_are_gone_the_command_ends_and_says_what_to_do(opened):
    cluster, transport, _ = opened({"a": good()}, wait_seconds=0.2)
    (kind,) = cluster.kinds(cuda=False)
    transport.workers.clear()
    time.sleep(0.1)

    with pytest.raises(MachineStopped, match="What was observed is kept: start workers"):
        run(kind)


def test_a_scheduler_that_does_not_answer_ends_the_command(opened):
    cluster, transport, _ = opened({"a": worker(lambda request: None)}, wait_seconds=0.2)
    (kind,) = cluster.kinds(cuda=False)
    transport.away = True

    with pytest.raises(MachineStopped, match=r"has not answered for 0 s \(connection refused\)"):
        run(kind)


def test_workers_that_go_with_their_scheduler_are_not_missed_but_it_is(opened):
    def gone(request):
        transport.away = True
        raise Lost("cancelled")

    bad = replace(HELLO, versions={**VERSIONS, "torch": "2.4.0"})
    cluster, transport, _ = opened({"a": worker(gone), "b": good(bad)}, wait_seconds=0.3)
    (kind,) = cluster.kinds(cuda=False)

    with pytest.raises(MachineStopped, match="has not answered"):
        run(kind)


def test_closing_ends_runs_that_wait(opened, monkeypatch):
    cluster, transport, _ = opened({"a": worker(lambda request: None)})
    (kind,) = cluster.kinds(cuda=False)
    monkeypatch.setattr(module, "GRACE_SECONDS", 30.0)
    closing = threading.Timer(0.1, cluster.close)
    closing.start()

    with pytest.raises(MachineStopped, match="interrupted"):
        run(kind)
    closing.join()
    assert transport.closed


def test_workers_of_other_facts_are_another_kind_and_do_no_run_of_this_one(opened):
    arm = replace(HELLO, facts={**FACTS, "architecture": "aarch64"}, threads=4)
    cluster, transport, _ = opened({"a": good(), "b": good(arm), "c": good()})

    kinds = cluster.kinds(cuda=False)

    assert [(kind.facts["architecture"], kind.places) for kind in kinds] == [
        ("aarch64", 4),
        ("x86_64", 2),
    ]
    for _ in range(3):
        run(kinds[0])
    assert transport.jobs() == ["b", "b", "b"]


def test_where_cuda_is_wanted_only_workers_with_a_gpu_are_used(opened):
    cluster, transport, _ = opened({"a": good(), "b": good(WITH_GPU)})

    (kind,) = cluster.kinds(cuda=True)

    assert kind.facts["gpu"] == "NVIDIA H100"
    run(kind, CUDA_JOB)
    run(kind, JOB)
    asked = [gpu for address, _, gpu in transport.sent if address == "b"]
    assert asked == [False, True, False]  # the greeting, with cuda, without
    assert len(cluster.kinds(cuda=False)) == 2


def test_a_gpu_has_one_run_and_one_that_waits(opened, monkeypatch):
    go = threading.Event()

    def slow(request):
        go.wait(5)
        return ran(WITH_GPU)

    cluster, transport, _ = opened({"b": worker(slow, WITH_GPU)})
    (kind,) = cluster.kinds(cuda=True)
    monkeypatch.setattr(module, "GRACE_SECONDS", 30.0)
    threads = [threading.Thread(target=run, args=[kind, CUDA_JOB]) for _ in range(4)]
    for one in threads:
        one.start()
    time.sleep(0.2)

    assert len(transport.jobs()) == 2
    go.set()
    for one in threads:
        one.join(5)


def test_a_kind_without_workers_is_lost_where_another_one_could_do_its_work(opened):
    arm = replace(HELLO, facts={**FACTS, "architecture": "aarch64"})
    cluster, transport, _ = opened({"a": good(), "b": good(arm)}, wait_seconds=30.0)
    kinds = {kind.facts["architecture"]: kind for kind in cluster.kinds(cuda=False)}
    cluster.playing = frozenset(kind.name for kind in kinds.values())
    transport.workers.pop("b")

    with pytest.raises(KindLost):
        run(kinds["aarch64"])
    assert run(kinds["x86_64"]).how == "finished"
