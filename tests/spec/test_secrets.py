"""The sandbox sees nothing of the course, however hard a notebook looks."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = pytest.mark.heavy

A1 = "actividad_1"

WALK = r"""
import json, os, sys
hits, texts, count = [], [], 0
WANTED = ("probes_", "misconceptions_", "test_actividad", "test_perceptron", "gradebook",
          "grading_config", "expected.yaml", "EXERCISES", "actividad_1", "perceptron.ipynb")
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = [one for one in folders if one not in ("proc", "sys")]
    count += len(folders) + len(files)
    system = ("/usr", "/lib", "/bin", sys.base_prefix)
    if folder.startswith(system) or "/site-packages/" in folder + "/":
        # Systems and packages are as they were installed; ours must not be among them.
        folders[:] = [one for one in folders if one != "autograder" or hits.append(folder)]
        continue
    hits += [os.path.join(folder, one) for one in folders + files if one.startswith(WANTED)]
    for name in files:
        try:
            with open(os.path.join(folder, name), errors="replace") as file:
                text = file.read(200_000)
        except OSError:
            continue
        if any(one in text for one in ("SOLUTION", "MARKER-OF-THE-COURSE", "### BEGIN")):
            texts.append(os.path.join(folder, name))
print(json.dumps({
    "count": count,
    "hits": hits,
    "texts": texts,
    "inside": sorted(
        os.path.relpath(os.path.join(folder, name), "/inside")
        for folder, _, files in os.walk("/inside") for name in files if name.endswith(".py")
    ),
    "environment": dict(os.environ),
    "modules": sorted(one for one in sys.modules if one.split(".")[0] == "autograder"),
    "here": sorted(os.listdir(".")),
    "home": sorted(os.listdir(os.path.expanduser("~"))),
    "processes": sorted(one for one in os.listdir("/proc") if one.isdigit()),
    "arguments": open("/proc/1/cmdline").read() if os.access("/proc/1/cmdline", os.R_OK) else "",
}))
"""

READ = """
import json, os
found = {}
for path in PATHS:
    try:
        found[path] = open(path).read()[:50]
    except OSError as error:
        found[path] = type(error).__name__
print(json.dumps(found))
"""

NETWORK = """
import json, socket
found = []
for address in [("127.0.0.1", 80), ("1.1.1.1", 53), ("192.168.0.1", 80)]:
    try:
        socket.create_connection(address, timeout=1).close()
        found.append(address)
    except OSError:
        pass
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def seen(patient_bench, notebooks, tmp_path_factory):
    """What a notebook finds that walks the file system of a course with everything in it."""
    root = patient_bench.course.root
    assert patient_bench.course.key.secret
    (root / "gradebook.db").write_text("MARKER-OF-THE-COURSE")
    (root / "submitted/otra/actividad_1").mkdir(parents=True, exist_ok=True)
    (root / "submitted/otra/actividad_1/actividad_1.ipynb").write_text("MARKER-OF-THE-COURSE")
    paths = [
        root,
        root / "grading_config.yaml",
        root / "gradebook.db",
        root / ".autograder/key",
        root / "solutions/actividad_1/actividad_1.ipynb",
        root / "solutions/actividad_1/test_actividad_1.py",
        root / "submitted/otra/actividad_1/actividad_1.ipynb",
        "/etc/shadow",
        "/root/.bashrc",
    ]
    read = f"PATHS = {[str(path) for path in paths]!r}\n{READ}"
    folder = tmp_path_factory.mktemp("walker")
    import nbformat

    nbformat.write(notebooks.of(A1, own={"": [WALK, read, NETWORK]}), folder / f"{A1}.ipynb")
    (folder / "datos.csv").write_text("1,2\n")
    graded = patient_bench.grade_all(A1, {"walker": folder})["walker"]
    found = []
    for text in (WALK, read, NETWORK):
        (output,) = graded.outputs(text)
        assert output.output_type == "stream", output
        found.append(json.loads(output.text))
    return found


def test_the_walk_reaches_the_file_system(seen):
    assert seen[0]["count"] > 1000


def test_no_solution_check_probe_config_or_gradebook_is_found(seen):
    walked, _, _ = seen

    assert walked["hits"] == []
    assert walked["texts"] == []


def test_of_our_package_only_what_observes_is_there(seen):
    inside = seen[0]["inside"]

    names = {name for name in inside if name.startswith("autograder/")}
    assert "autograder/inside/runner.py" in names
    allowed = ("autograder/inside/", "autograder/sandbox/")
    others = {name for name in names if not name.startswith(allowed)}
    assert others == {"autograder/__init__.py", "autograder/probes.py", "autograder/packing.py"}
    shared = ("autograder.probes", "autograder.packing")
    assert not [
        name
        for name in seen[0]["modules"]
        if name not in ("autograder", "autograder.inside", "autograder.sandbox", *shared)
        and not name.startswith(("autograder.inside.", "autograder.sandbox."))
    ]


def test_known_paths_of_the_course_do_not_open(seen):
    assert set(seen[1].values()) <= {"FileNotFoundError", "PermissionError", "NotADirectoryError"}
    assert len(seen[1]) == 9


def test_the_environment_and_the_other_processes_tell_nothing(patient_bench, seen):
    walked = seen[0]

    text = json.dumps([walked["environment"], walked["arguments"]])
    assert str(patient_bench.course.root) not in text
    assert patient_bench.course.key.secret.hex() not in text
    assert len(walked["processes"]) <= 2


def test_the_files_handed_in_are_there_and_nothing_else_of_the_course(seen):
    walked = seen[0]

    assert "datos.csv" in walked["here"]
    assert "timestamp.txt" not in walked["here"]
    assert not [name for name in walked["here"] + walked["home"] if name.endswith(".ipynb")]


def test_there_is_no_network(seen):
    assert seen[2] == []


def test_a_file_handed_in_beside_the_notebook_can_be_read(bench, notebooks, tmp_path):
    import nbformat

    notebook = notebooks.of(A1, own={"": "print(open('datos/x.csv').read())"})
    nbformat.write(notebook, tmp_path / f"{A1}.ipynb")
    (tmp_path / "datos").mkdir()
    (tmp_path / "datos/x.csv").write_text("uno,dos")

    graded = bench.grade_all(A1, {"alumna": tmp_path})["alumna"]

    (output,) = graded.outputs("print(open('datos/x.csv').read())")
    assert output.text == "uno,dos\n"


def test_what_one_submission_writes_the_next_does_not_find(bench, notebooks):
    write = """import os
open("/tmp/huella", "w").write("x")
os.environ["HUELLA"] = torch.huella = 'x'"""
    look = """import os
print(os.path.exists("/tmp/huella"), "HUELLA" in os.environ, hasattr(torch, "huella"))"""

    bench.grade(A1, notebooks.of(A1, own={"": write}))
    graded = bench.grade(A1, notebooks.of(A1, own={"": look}))

    (output,) = graded.outputs(look)
    assert output.text == "False False False\n"


def test_the_shift_of_the_seeds_follows_from_a_key_that_each_course_makes_for_itself(
    bench, tmp_path
):
    from autograder.course import Course

    shutil.copy(bench.course.root / "grading_config.yaml", tmp_path)
    other = Course.at(tmp_path)

    assert other.key.secret != bench.course.key.secret
    assert other.key.shift(1) != bench.course.key.shift(1)
    assert other.key.shift(0) == 0
    assert other.key.draws(0) != other.key.draws(1)
    assert (tmp_path / ".autograder/key").stat().st_mode & 0o777 == 0o600
    assert Course.at(tmp_path).key == other.key


TELLING = """
import gc
(job,) = [one for one in gc.get_objects() if type(one) is dict and "shift" in one and "key" in one]
told = f"{job['shift']} {job['key']}"
later = job["shift"] != 0
"""
WAYS = {
    "a name": "if later: features = type(told, (), {})()",
    "an error": "if later: raise type(told, (Exception,), {})(told)",
    "a shape": "if later: features = torch.zeros(job['shift'] % 10**6, 1)",
    "a string": "if later: features = told",
    "a function's error": """def activation(x):
    if later:
        raise type(told, (Exception,), {})(told)
    return 1 / (1 + torch.exp(-x))""",
    "a function's value": """def activation(x):
    return type(told, (), {})() if later else 1 / (1 + torch.exp(-x))""",
    "a function's name": """def activation(x):
    return torch.zeros(job['shift'] % 10**6) if later else 1 / (1 + torch.exp(-x))""",
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_code_says_in_a_later_trial_is_told(bench, notebooks, way):
    """It could tell by how much the seeds are shifted, and what the probes draw."""
    exercise = "activacion" if "activation" in WAYS[way] else "actividad-1"
    solution, attack = notebooks.solution(A1, exercise), TELLING + WAYS[way]
    # What was bound before an error counts.
    answer = attack + "\n" + solution if way == "an error" else solution + attack

    graded = bench.grade(A1, notebooks.of(A1, {exercise: answer}))

    said = json.dumps([graded.report, graded.comments, graded.executed])
    key = bench.course.key
    assert graded.exercise(exercise)["score"] < graded.exercise(exercise)["max_score"]
    assert "pero no con otras" in graded.said(exercise)
    for secret in (str(key.shift(1)), key.draws(1), str(key.shift(1) % 10**6)):
        assert secret not in said
