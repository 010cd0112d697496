"""A real SLURM on one machine, for tests: two nodes, no accounting, loopback only.

All it has lives in one folder: keys, sockets, configuration, state and logs. It needs Debian's packages
munge, slurmctld, slurmd and slurm-client, and neither systemd nor root; a cluster of another user runs that
user's jobs only. From a shell:

    python -m tests.slurm_cluster start FOLDER     # prints what to export
    python -m tests.slurm_cluster stop FOLDER
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
DAEMONS = {"munged", "slurmctld", "slurmd"}
SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=1,sched_interval=2,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=0
KillWait=5
SlurmdTimeout=60
MinJobAge=300
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory={memory}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory={memory}
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=120 State=UP
"""


def missing() -> list[str]:
    """Programs a cluster needs that are not installed here."""
    return [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]


class Cluster:
    """A cluster in `folder`, which has to be new, or hold one that was started before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.configuration = self.folder / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to speak to this cluster and no other."""
        path = os.pathsep.join([str(self.folder / "bin"), SEARCH])
        return {"SLURM_CONF": str(self.configuration), "PATH": path}

    def call(self, *command: str) -> str:
        """What a command such as `squeue` prints. Raises `RuntimeError` with its words if it fails."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start all daemons and wait until both nodes take jobs; if that fails, leave nothing running."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir()
        # Snakemake's plugin drops SLURM_CONF before it calls srun, and there is no configuration elsewhere.
        srun = self.folder / "bin" / "srun"
        srun.parent.mkdir()
        real = shutil.which("srun", path=SEARCH)
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {real} "$@"\n')
        srun.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        memory = psutil.virtual_memory().total // 2**20
        self.configuration.write_text(
            CONFIGURATION.format(
                folder=self.folder,
                host=socket.gethostname().partition(".")[0],
                user=getpass.getuser(),
                ports=_free_ports(3),
                memory=memory,
            )
        )
        try:
            names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
            names["seed-file"] = "seed"
            # --force: folders of others above this one (a shared /tmp) are no reason to stop
            self.call("munged", "--force", *(f"--{k}={self.folder}/munge.{v}" for k, v in names.items()))
            self.call("slurmctld")
            for node in NODES:
                self.call("slurmd", "-N", node)
            self._wait_for_nodes()
        except BaseException:
            self.stop()
            raise

    def _wait_for_nodes(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(RuntimeError):
                if self.states() == ["idle"] * len(NODES):
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the nodes are not ready; see the logs in {self.folder}")
            time.sleep(0.2)

    def states(self) -> list[str]:
        """The state of each node."""
        return [line.split()[1] for line in self.call("sinfo", "-hN", "-o", "%N %T").splitlines()]

    def stop(self) -> None:
        """End jobs and daemons; returns when no process of this cluster is left."""
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            self.call("scancel", "--user", getpass.getuser())
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            self.call("scontrol", "shutdown")
        for kill in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.send_signal(kill)
            deadline = time.monotonic() + 3
            while self.processes() and time.monotonic() < deadline:
                time.sleep(0.1)
        if left := self.processes():
            raise RuntimeError(f"{left} did not end")

    def processes(self) -> list[psutil.Process]:
        """The daemons of this cluster and what runs in its jobs; not the shell of one who works with it.

        A slurmstepd writes its title over its environment, so it is known by where it runs.
        """
        matches = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                environment, name = process.environ(), process.name()
                ours = environment.get("SLURM_CONF") == str(self.configuration)
                if (ours and (name in DAEMONS or "SLURM_JOB_ID" in environment)) or (
                    name == "slurmstepd" and Path(process.cwd()).is_relative_to(self.folder)
                ):
                    matches.append(process)
        return matches

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def main() -> None:
    match sys.argv[1:]:
        case ["start", folder]:
            if programs := missing():
                sys.exit(f"not installed: {', '.join(programs)}")
            cluster = Cluster(Path(folder))
            cluster.start()
            for name, value in cluster.environment.items():
                print(f"export {name}={value}")
        case ["stop", folder]:
            Cluster(Path(folder)).stop()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
