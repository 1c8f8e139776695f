"""A SLURM of one node on this machine's loopback, for trying the slurm profile.

    python tests/reliability/slurm_node.py start
    snakemake --workflow-profile profiles/slurm
    python tests/reliability/slurm_node.py stop

Needs root, and Debian's `slurm-wlm` and `munge`. The configuration has to lie at /etc/slurm, where
Snakemake's jobs look for it; what lay there before is put back by `stop`.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ETC = Path("/etc/slurm")
FOLDER = Path(tempfile.gettempdir(), "microgesture-slurm")
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scontrol"]
SLURM_CONF = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=2
ReturnToService=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """What keeps a SLURM from being started here, or None."""
    if os.geteuid() != 0:
        return "a SLURM can be started by root only (run the tests as root)"
    missing = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)"
    if FOLDER.exists():
        return f"{FOLDER} exists: another SLURM of this kind runs, or was not stopped"
    processes = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    if any(_alive(pid, name) for pid in processes for name in ("slurmctld", "slurmd")):
        return "this machine runs a SLURM already"
    return None


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(gpus: int = 2) -> None:
    """Start munge, the controller and one node; return when the node takes jobs.

    Its GPUs, its memory and some of its processors are names only, so that the profile's requests
    are answered on a small machine.
    """
    if reason := why_not():
        raise RuntimeError(reason)
    FOLDER.mkdir(mode=0o755)
    for name in ("state", "spool", "before"):
        (FOLDER / name).mkdir()
    ETC.mkdir(exist_ok=True)
    for path in ETC.glob("*.conf"):
        shutil.move(path, FOLDER / "before" / path.name)  # maybe on another file system
    try:
        _write_configuration(gpus)
        _start_daemons()
    except BaseException:
        stop()
        raise


def _write_configuration(gpus: int) -> None:
    controller_port, node_port = _free_ports(2)
    text = SLURM_CONF.format(
        host=socket.gethostname().split(".")[0],
        folder=FOLDER,
        controller_port=controller_port,
        node_port=node_port,
        cpus=max(8, os.cpu_count() or 1),
        gpus=gpus,
    )
    (ETC / "slurm.conf").write_text(text)
    for number in range(gpus):  # /dev/null by other names: a device each is asked for
        os.mknod(FOLDER / f"gpu{number}", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    (ETC / "gres.conf").write_text(f"Name=gpu File={FOLDER}/gpu[0-{gpus - 1}]\n")
    key = FOLDER / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)


def _start_daemons() -> None:
    munge = {
        "socket": FOLDER / "munge.socket",
        "key-file": FOLDER / "munge.key",
        "pid-file": FOLDER / "munged.pid",
        "log-file": FOLDER / "munged.log",
        "seed-file": FOLDER / "munge.seed",
    }
    # --force: its checks of the folders' owners are for a machine of many users
    options = [f"--{name}={path}" for name, path in munge.items()]
    _daemon("munged", "--foreground", "--force", *options)
    _wait(lambda: munge["socket"].exists(), "munged.log")
    _daemon("slurmctld", "-D", "-i")
    _wait(lambda: said("scontrol", "ping").find("is UP") > 0, "slurmctld.log")
    _daemon("slurmd", "-D")
    _wait(lambda: said("sinfo", "-h", "-o", "%T").strip() == "idle", "slurmd.log")


def _daemon(*command: str) -> None:
    name = command[0]
    with (FOLDER / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "PATH": _path()},
            start_new_session=True,
        )  # fmt: skip
    (FOLDER / f"{name}.started").write_text(json.dumps({"pid": process.pid, "name": name}))


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _wait(ready: Callable[[], bool], log: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            text = (FOLDER / log).read_text()[-2000:]
            raise RuntimeError(f"not ready after {seconds} s; {log} ends with:\n{text}")
        time.sleep(0.1)


def _alive(pid: int, name: str) -> bool:
    """Whether the process is there and still the one that was started."""
    try:
        with Path(f"/proc/{pid}/stat").open() as file:
            text = file.read()
    except FileNotFoundError:
        return False
    return f"({name})" in text and ") Z " not in text


def stop() -> None:
    """Cancel all jobs, stop what `start` started, in reverse order, and put /etc/slurm back."""
    if not FOLDER.exists():
        return
    if (FOLDER / "slurmd.started").exists():
        said("scancel", "--partition", "all", "--full", "--signal", "KILL")
        said("scancel", "--partition", "all")
    for name in ("slurmd", "slurmctld", "munged"):
        started = FOLDER / f"{name}.started"
        if started.exists():
            _end(**json.loads(started.read_text()))
    for name in ("slurm.conf", "gres.conf"):
        (ETC / name).unlink(missing_ok=True)
    for path in (FOLDER / "before").glob("*.conf"):
        shutil.move(path, ETC / path.name)
    shutil.rmtree(FOLDER)


def _end(pid: int, name: str) -> None:
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        end = time.monotonic() + seconds
        if _alive(pid, name):
            os.kill(pid, number)
        while _alive(pid, name) and time.monotonic() < end:
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("do", choices=["start", "stop"])
    parser.add_argument("--gpus", type=int, default=2, help="how many GPUs the node says it has")
    options = parser.parse_args()
    if options.do == "stop":
        stop()
        return
    try:
        start(options.gpus)
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
