"""Device nodes of a driver, made up in a mount namespace of the test's own: who may open them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NODES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
LOOK = """
import os
from pathlib import Path
def look(place, mode):
    try:
        with open(place, mode, buffering=0) as file:
            return len(file.read(4))
    except OSError as error:
        return type(error).__name__
places = ['/dev/nvidia0', '/dev/nvidiactl', '/dev/nvidia-caps/nvidia-cap1', '/dev/dri']
looks = [[look(place, mode) for mode in ('rb', 'r+b')] for place in places]
say(looks + [tried(lambda: os.chmod(one, 0o600)) for one in places[:3]])
"""
PROGRAM = f"""
import json, sys
sys.path[:0] = {[str(ROOT), str(Path(__file__).parent)]!r}
from pathlib import Path
from autograder.sandbox import Limits, Sandbox
said = {{}}
with Sandbox(
    entry="code_entry", package_root=Path({str(Path(__file__).parent / "entries")!r}),
    modules=["code_entry.py"],
) as sandbox:
    for gpu in (False, True):
        frames = []
        ended = sandbox.run(
            {{"code": {LOOK!r}}}, limits=Limits(gpu=gpu), on_frame=lambda one, _: frames.append(one)
        )
        said[str(gpu)] = frames[0]["said"] if frames else repr(ended)
print(json.dumps(said))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare"
)
def test_only_a_run_on_the_gpu_opens_the_drivers_nodes():
    made = [f"mknod -m 666 /dev/{name} c 1 {number}" for name, number in NODES.items()]
    # Reading gives zeros from these.
    gpus = ["nvidia0", "nvidiactl", "nvidia-caps/nvidia-cap1", "dri"]
    made += ["mkdir -p /dev/nvidia-caps /dev/shm", *(f"mknod -m 666 /dev/{n} c 1 5" for n in gpus)]
    script = " && ".join(["mount -t tmpfs none /dev", *made, 'exec "$@"'])
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "mknod" in ran.stderr:
        pytest.skip(f"no device nodes can be made here: {ran.stderr.strip()[-200:]}")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    *seen, none = said["False"][:4]
    assert seen == [["PermissionError"] * 2] * 3
    assert none == ["FileNotFoundError"] * 2, "no other device is there"
    assert said["True"][:4] == [[4, 4]] * 3 + [none]
    for mode in [*said["False"][4:], *said["True"][4:]]:
        assert mode in ("OSError", "PermissionError", "FileNotFoundError")
