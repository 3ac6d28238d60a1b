"""Whoever passes a limit of the sandbox is told which, and keeps the points before it."""

from __future__ import annotations

import pytest

A1 = "actividad_1"
SMALL = {"memory_mb": 512, "processes": 16, "scratch_mb": 16}

TOLD = {
    "one object": ("b = bytes(2**32)", "memoria"),
    "one tensor": ("t = torch.ones(2**30)", "memoria"),
    "one array": ("import numpy\na = numpy.ones(2**30)", "memoria"),
    "threads": (
        "import threading, time\n"
        "ts = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(50)]\n"
        "for t in ts: t.start()",
        "procesos e hilos",
    ),
    "programs": (
        "import subprocess\nps = [subprocess.Popen(['sleep', '20']) for _ in range(50)]",
        "procesos e hilos",
    ),
    "one large file": ("open('x', 'wb').write(bytes(2**26))", "espacio en disco"),
    "many files": (
        "for i in range(100): open(f'x{i}', 'wb').write(bytes(2**20))",
        "espacio en disco",
    ),
    "a saved tensor": ("torch.save(torch.ones(2**23), 'x.pt')", "espacio en disco"),
    "a saved array": ("import numpy\nnumpy.save('x', numpy.ones(2**23))", "espacio en disco"),
}
"""What raises in the student's cell, and the limit that the message names."""

ENDED = {
    "memory of several processes": (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(b'x') * (100 << 20); time.sleep(30)\n"
        "time.sleep(30)",
        "out_of_memory",
        "Esta celda superó el límite de memoria y la ejecución se detuvo.",
    ),
    "a fork bomb": (
        "import os\n"
        "while True:\n"
        "    try:\n"
        "        os.fork()\n"
        "    except BaseException:\n"
        "        pass",
        "too_many_processes",
        "Esta celda superó el límite de procesos e hilos y la ejecución se detuvo.",
    ),
    "a flood": (
        "import os, struct\nos.write(3, struct.pack('!IQ', 2, 10 << 30))\nwhile True: pass",
        "too_large",
        "Esta celda produjo más datos de los que se admiten y la ejecución se detuvo.",
    ),
    "a million values": (
        "import os, struct\n"
        "text = b'{\"frame\":{\"frame\":[' + b'[],' * 2_000_000 + b'[]]}}'\n"
        "text = struct.pack('!IQ', len(text), 0) + text\n"
        "while text: text = text[os.write(3, text):]\n"
        "while True: pass",
        "too_large",
        "Esta celda produjo más datos de los que se admiten y la ejecución se detuvo.",
    ),
}
"""What ends the run: how, and what is said."""


@pytest.fixture(scope="module")
def tight(make_course, warm_sandbox, tmp_path_factory, bench):
    """Makes a bench with small limits and so many seconds for a trial."""
    from autograder.course import Course

    def make(seconds):
        folder = tmp_path_factory.mktemp("limits")
        time = {"seconds_per_cell": seconds - 1, "seconds_per_trial": seconds}
        course = make_course(folder / "course", **time, **SMALL)
        return type(bench)(Course.at(course), warm_sandbox, folder / "in")

    return make


@pytest.fixture(scope="module")
def graded(tight, notebooks):
    texts = {name: case[0] for name, case in [*TOLD.items(), *ENDED.items()]}
    return tight(5.0).grade_all(
        A1, {name: notebooks.of(A1, {"formas": text}) for name, text in texts.items()}
    )


@pytest.mark.parametrize("name", TOLD)
def test_an_exception_that_a_limit_raises_is_explained_by_the_limit(graded, name):
    one = graded[name]

    assert one.outcome("formas") == "errored"
    assert f"Superó el límite de {TOLD[name][1]}." in one.said("formas")
    assert one.points("activacion", "neurona", "formas", "actividad-1") == [2, 2, 0, 5]


@pytest.mark.parametrize("name", ENDED)
def test_a_limit_that_ends_the_run_is_named_and_earlier_points_stay(graded, name):
    _, how, sentence = ENDED[name]
    one = graded[name]
    if how == "too_many_processes" and one.trials[0].ending.how == "timed_out":
        pytest.skip("nothing counts processes here")

    assert one.trials[0].ending.how == how
    assert sentence in one.said("formas")
    assert one.outcome("formas") == "errored"
    assert one.points("activacion", "neurona", "formas", "actividad-1") == [2, 2, 0, 0]
    assert one.outcome("actividad-1") == "blocked"


@pytest.mark.heavy
def test_processor_time_that_ran_out_is_named(tight, notebooks, monkeypatch):
    """It hardly ever does: the deadline is shorter, unless every core was busy all of the time."""
    from autograder.sandbox import child

    monkeypatch.setattr(child, "_cpu_seconds", lambda limits: 1)
    busy = "while True: pass"

    one = tight(30.0).grade(A1, notebooks.of(A1, {"formas": busy}))

    assert one.trials[0].ending.how == "out_of_cpu"
    assert "superó el límite de tiempo de procesador" in one.said("formas")
    assert one.points("activacion", "neurona") == [2, 2]
