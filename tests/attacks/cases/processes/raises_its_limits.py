# Raises its limits, its priority and its rank among those that are killed for memory.
import json
import os
import resource

targets = json.load(open("targets.json"))
names = ("CPU", "FSIZE", "DATA", "NOFILE", "NPROC", "CORE", "MEMLOCK", "RTPRIO", "NICE", "STACK")
for name in names:
    kind = getattr(resource, f"RLIMIT_{name}")
    before = resource.getrlimit(kind)[1]
    for pid in (0, 1, targets["canary"]):
        try:
            resource.prlimit(pid, kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (OSError, ValueError):
            continue
        if resource.getrlimit(kind)[1] != before:
            print(targets["success"])
ways = (
    lambda: os.nice(-1),
    lambda: os.setpriority(os.PRIO_USER, 0, -20),
    lambda: os.setpriority(os.PRIO_PROCESS, targets["canary"], 19),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)),
    lambda: open("/proc/self/oom_score_adj", "w").write("-1000"),
)
for way in ways:
    try:
        way()
        print(targets["success"])
    except OSError:
        pass
