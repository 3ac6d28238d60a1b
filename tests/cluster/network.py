"""Machines of a cluster, each in a network namespace of its own, joined by a bridge.

Nothing outside these namespaces is touched. A machine can be cut off: its packets are lost then,
and nobody is told, as when a cable is pulled.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HUB = "10.77.0.1"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)


@dataclass
class Machine:
    """One namespace with one address, and what runs in it."""

    network: Network
    name: str
    address: str
    hidden: Sequence[Path] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def space(self) -> str:
        return f"{self.network.prefix}-{self.name}"

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Run ``command`` here, where the ``hidden`` folders are empty."""
        hide = "".join(f"mount -t tmpfs none '{folder}' && " for folder in self.hidden)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    *("nsenter", f"--net=/run/netns/{self.space}"),
                    *("unshare", "--mount", "--propagation", "private"),
                    *("sh", "-c", f'{hide} exec "$@"', "sh", *command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=dict(environment),
                start_new_session=True,
            )
        self.processes.append(process)

    def die(self) -> None:
        """As by a power cut, for the processes: no word of farewell."""
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self.processes.clear()

    def cut_off(self) -> None:
        """Out of the bridge: the link stays up, and nothing comes through."""
        ip("-n", self.network.hub, "link", "set", f"v{self.name}", "nomaster")


@dataclass
class Network:
    """A context manager; at its end all that it made is gone."""

    prefix: str = field(default_factory=lambda: f"autograder{os.getpid()}")
    machines: dict[str, Machine] = field(default_factory=dict)

    @property
    def hub(self) -> str:
        return f"{self.prefix}-hub"

    def __enter__(self) -> Network:
        ip("netns", "add", self.hub)
        ip("-n", self.hub, "link", "add", "name", "br0", "type", "bridge")
        ip("-n", self.hub, "addr", "add", f"{HUB}/24", "dev", "br0")
        for device in ("lo", "br0"):
            ip("-n", self.hub, "link", "set", device, "up")
        self.machines["hub"] = Machine(self, "hub", HUB)
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines.values():
            machine.die()
            ip("netns", "del", machine.space)

    def machine(self, name: str, hidden: Sequence[Path] = ()) -> Machine:
        """A new machine; names have at most 12 letters."""
        made = Machine(self, name, f"10.77.0.{len(self.machines) + 1}", hidden)
        ip("netns", "add", made.space)
        self.machines[name] = made
        veth = ("type", "veth", "peer", "name", "eth0", "netns", made.space)
        ip("-n", self.hub, "link", "add", f"v{name}", *veth)
        ip("-n", self.hub, "link", "set", f"v{name}", "master", "br0", "up")
        ip("-n", made.space, "addr", "add", f"{made.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", made.space, "link", "set", device, "up")
        return made
