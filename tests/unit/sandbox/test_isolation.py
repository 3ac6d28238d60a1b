"""What a hostile job tries, and does not get, in full isolation."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from autograder.sandbox import Limits

from .conftest import Runner, make_sandbox


def test_a_secret_file_of_the_host_is_out_of_reach(full: Runner, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    places = [str(secret), f"/proc/1/root{secret}", f"/proc/self/cwd/../{secret}", __file__]
    places += ["/etc/shadow", "/etc/hostname", str(Path.home() / ".bashrc")]
    said = full(f"say([tried(lambda: open(place).read()) for place in {places!r}])").said
    assert set(said) <= {"FileNotFoundError", "PermissionError", "NotADirectoryError"}


def test_only_the_interpreter_is_to_be_seen(full: Runner) -> None:
    said = full(
        "say([sorted(os.listdir('/inside')), os.path.exists('/boot'), os.listdir('/tmp')])"
    ).said
    assert said == [["autograder", "code_entry.py"], False, []]


def test_loopback_and_every_other_network_is_out_of_reach(full: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = full(
            f"say([tried(lambda: socket.create_connection(('127.0.0.1', {port}), 1)),"
            "tried(lambda: socket.socket(socket.AF_INET6)), tried(lambda: socket.socket(17, 3)),"
            "tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))])"
        ).said
    assert set(said) == {"PermissionError"}


def test_an_abstract_socket_of_the_host_is_out_of_reach(full: Runner) -> None:
    name = f"\0autograder-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        said = full(f"say(tried(lambda: socket.socket(socket.AF_UNIX).connect({name!r})))").said
    assert said in ("ConnectionRefusedError", "PermissionError")


def test_other_processes_are_out_of_sight(full: Runner) -> None:
    said = full("say([os.getpid(), os.getppid(), [p for p in os.listdir('/proc') if p.isdigit()]])")
    assert said.said == [1, 0, ["1"]]


def test_no_signal_leaves_the_sandbox(full: Runner) -> None:
    said = full(f"for pid in (0, 1, 2, -1, {os.getpid()}): tried(lambda: os.kill(pid, 9))\nsay(1)")
    assert said.said == 1


def test_no_descriptor_but_the_channel_is_inherited(full: Runner) -> None:
    said = full(
        "say([os.readlink(f'/proc/self/fd/{n}') for n in range(4)]\n"
        "    + [tried(lambda: os.fstat(n)) for n in range(4, 256)])"
    ).said
    assert said[:3] == ["/dev/null"] * 3
    assert said[3].startswith("socket:")
    assert set(said[4:]) == {"OSError"}


def test_capabilities_are_gone_and_filters_hold(full: Runner) -> None:
    said = full("say(Path('/proc/self/status').read_text())").said
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_new_namespaces_tracing_and_mounts_are_refused(full: Runner) -> None:
    said = full(
        "import ctypes, errno\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(name, *arguments):\n"
        "    result = getattr(libc, name)(*arguments)\n"
        "    return errno.errorcode[ctypes.get_errno()] if result == -1 else f'LEAK {result}'\n"
        "say([call('unshare', 0x10000000), call('unshare', 0x20000), call('ptrace', 16, 1, 0, 0),\n"
        "     call('mount', b'x', b'/tmp', b'tmpfs', 0, None), call('umount2', b'/tmp', 2),\n"
        "     call('setns', 3, 0), call('keyctl', 0, 0) if hasattr(libc, 'keyctl') else 'EPERM',\n"
        "     call('syscall', 435, 0, 0), call('syscall', 56, 0x10000000 | 17, 0, 0, 0, 0)])"
    ).said
    assert said[:7] == ["EPERM"] * 7
    if os.uname().machine == "x86_64":
        assert said[7:] == ["ENOSYS", "EPERM"]


def test_nothing_outside_the_scratch_folders_can_be_changed(full: Runner) -> None:
    said = full(
        "import site\n"
        "folders = ['/', '/inside', '/usr', '/etc', '/dev', '/proc/self']\n"
        "folders += site.getsitepackages()\n"
        "say([tried(lambda: Path(folder, 'evil.py').write_text('x')) for folder in folders]\n"
        "    + [tried(lambda: os.chmod(folder, 0o777)) for folder in folders]\n"
        "    + [tried(lambda: os.chmod('/dev/' + name, 0)) for name in ('null', 'urandom')]\n"
        "    + [tried(lambda: Path('/proc/self/oom_score_adj').write_text('-1000'))])"
    ).said
    assert not [answer for answer in said if answer.startswith("LEAK")]


def test_the_next_child_sees_nothing_of_the_one_before(full: Runner) -> None:
    full(
        "for place in ('/tmp/left', '/dev/shm/left'): Path(place).write_text('x')\n"
        "import builtins; builtins.left = 1; os.environ['LEFT'] = 'x'; say(1)"
    )
    said = full(
        "import builtins\n"
        "say([os.listdir('/tmp'), os.listdir('/dev/shm'), hasattr(builtins, 'left'), "
        "'LEFT' in os.environ])"
    ).said
    assert said == [[], [], False, False]


def test_files_can_not_outgrow_the_scratch_folders(full: Runner) -> None:
    said = full(
        "written = 0\n"
        "for folder in ('/tmp', '/dev/shm'):\n"
        "    try:\n"
        "        for i in range(40):\n"
        "            with open(f'{folder}/{i}', 'wb', 0) as file:\n"
        "                written += file.write(bytes(1 << 20))\n"
        "    except OSError: pass\n"
        "say(written >> 20)",
        scratch_mb=16,
    ).said
    assert said == 32


def test_limits_can_not_be_raised(full: Runner) -> None:
    said = full(
        "import resource\n"
        "kinds = [resource.RLIMIT_DATA, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, "
        "resource.RLIMIT_NOFILE]\n"
        "say([tried(lambda: resource.setrlimit(kind, (-1, -1))) for kind in kinds])"
    ).said
    assert not [answer for answer in said if answer.startswith("LEAK")]


def test_one_process_gets_a_memory_error_it_can_read(full: Runner) -> None:
    assert full("say(tried(lambda: len(bytes(1 << 30))))", memory_mb=256).said == "MemoryError"


def test_memory_is_limited_over_several_processes(full: Runner) -> None:
    heard = full(
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(b'x') * (100 << 20); time.sleep(30); os._exit(0)\n"
        "ends = [os.wait()[1] for _ in range(8)]",
        memory_mb=400,
        seconds=20.0,
    )
    assert heard.how == "out_of_memory"
    assert heard.ended.detail == "more than 400 MB"


def test_shared_memory_counts_too(full: Runner) -> None:
    heard = full(
        "import mmap\n"
        "kept = mmap.mmap(-1, 1 << 30)\n"
        "for start in range(0, 1 << 30, 4096): kept[start] = 1\n"
        "time.sleep(1); say(1)",
        memory_mb=256,
    )
    # Where memory is watched it is refused: nobody could count it.
    assert heard.how in ("out_of_memory", "died")


def test_a_fork_bomb_is_contained(full: Runner) -> None:
    heard = full(
        "made = 0\n"
        "try:\n"
        "    while made < 500:\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "        made += 1\n"
        "except OSError: pass\n"
        "send({'made': made})\n"
        "while True:\n"
        "    try: os.fork()\n"
        "    except OSError: pass",
        processes=20,
        seconds=1.0,
    )
    if full.sandbox.facts["memory_limit"] == "watcher":
        assert heard.how == "timed_out"
    else:
        assert (heard.how, heard.ended.detail) == ("too_many_processes", "more than 20 processes")
    if os.getuid() != 0 or full.sandbox.facts["memory_limit"] != "watcher":
        assert heard.frames[0]["made"] < 20


def test_a_daemon_does_not_outlive_its_run(full: Runner) -> None:
    heard = full(
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        while True: time.sleep(0.05)\n"
        "    os._exit(0)\n"
        "os.wait(); say(1)"
    )
    assert heard.said == 1
    assert full("say([p for p in os.listdir('/proc') if p.isdigit()])").said == ["1"]


def test_ten_runs_leave_no_descriptor_open(full: Runner) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        full("say(1)")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_torch_works_in_a_fork_of_a_warm_zygote() -> None:
    code = """
torch.set_num_threads(2)
model = torch.nn.Linear(4, 1)
optimiser = torch.optim.Adam(model.parameters())
data = torch.utils.data.TensorDataset(torch.randn(64, 4))
for batch, in torch.utils.data.DataLoader(data, batch_size=8, num_workers=2):
    optimiser.zero_grad()
    model(batch).sum().backward()
    optimiser.step()
say([torch.get_num_threads(), (torch.randn(300, 300) @ torch.randn(300, 300)).numel()])
"""
    with make_sandbox(entry="torch_entry") as sandbox:
        run = Runner(sandbox)
        assert run(code, memory_mb=Limits().memory_mb).said == [2, 90_000]
        assert run("say(1)").said == 1
