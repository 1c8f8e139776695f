"""An SSH server on loopback for the current user, with keys and configuration of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
# sshd insists on being called by its whole path
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass(frozen=True)
class Server:
    """Where the server listens, and the private key that it takes."""

    user: str
    port: int
    key: Path


def why_not() -> str | None:
    """What keeps a server from being started, or None."""
    if SSHD is None or shutil.which("ssh-keygen") is None:
        return "not installed: sshd (apt-get install openssh-server)"
    return None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve until the block ends; everything that is written lies in ``folder``."""
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config, log = folder / "sshd_config", folder / "sshd.log"
    config.write_text(CONFIG.format(port=port, folder=folder))
    separation, made = Path("/run/sshd"), False
    if os.geteuid() == 0 and not separation.exists():  # started as root, it asks for this folder
        separation.mkdir(mode=0o755)
        made = True
    process = subprocess.Popen([SSHD or "sshd", "-D", "-f", config, "-E", log])
    try:
        _wait(process, port, log)
        yield Server(getpass.getuser(), port, folder / "user")
    finally:
        process.terminate()
        process.wait(timeout=10)
        if made:
            separation.rmdir()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"sshd does not answer:\n{log.read_text()}") from None
            time.sleep(0.05)
