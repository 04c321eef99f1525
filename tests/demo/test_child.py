"""Children of this process: how they start, fail and end."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.demo.child import Child, free_port
from monitor.errors import Permanent

ENVIRONMENT = {"PATH": os.defpath}


def python(program: str, folder: Path) -> Child:
    return Child("the server", [sys.executable, "-c", program], log=folder / "log", env=ENVIRONMENT)


def ended(process: int) -> bool:
    """Whether a running process, which is nobody's child here, ends within half a minute."""
    descriptor = os.pidfd_open(process)
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


def test_a_port_that_is_free_can_be_bound() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="the server cannot be started: /nowhere/server"):
        Child("the server", ["/nowhere/server"], log=tmp_path / "log", env=ENVIRONMENT)


def test_the_end_of_the_log_says_why_it_ended(tmp_path: Path) -> None:
    child = python("import sys; print('x' * 5_000, flush=True); sys.exit('no space left')", tmp_path)
    with pytest.raises(Permanent, match=r"(?s)the server ended with status 1:.*no space left") as caught:
        child.wait_until(lambda: False, within=30)
    assert len(str(caught.value)) < 2_100


def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    child = python("import signal; signal.pause()", tmp_path)
    with pytest.raises(Permanent, match="did not answer within 0 s"):
        child.wait_until(lambda: False, within=0)
    child.kill()


def test_a_program_that_fails_is_an_error_to_whoever_waits(tmp_path: Path) -> None:
    python("pass", tmp_path).wait(within=30)
    with pytest.raises(Permanent, match="status 3"):
        python("raise SystemExit(3)", tmp_path).wait(within=30)


def test_it_inherits_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "secret")
    python("import os; assert 'SECRET' not in os.environ", tmp_path).wait(within=30)


@pytest.mark.parametrize("handler", ["SIG_DFL", "SIG_IGN"])
def test_stop_ends_it_whether_it_listens_or_not(tmp_path: Path, handler: str) -> None:
    ready = tmp_path / "ready"
    program = f"""
import pathlib, signal
signal.signal(signal.SIGTERM, signal.{handler})
pathlib.Path({str(ready)!r}).touch()
signal.pause()
"""
    child = python(program, tmp_path)
    child.wait_until(ready.exists, within=30)
    child.stop(signal.SIGTERM, within=0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import signal, sys
from pathlib import Path
from monitor.demo.child import Child
child = Child("sleeper", ["sleep", "600"], log=Path({str(tmp_path / "log")!r}), env={ENVIRONMENT!r})
print(child.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        assert ended(child)
