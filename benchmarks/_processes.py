"""What processes have cost: a process id goes in, processor time and memory come out, as ``/proc`` has them.

Other load on the machine makes wall time worthless and changes processor time by little, so that is what the
benchmarks compare. The time of children that have ended is in their parent's figure.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from time import thread_time

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/<pid>/stat`` after the name; ``None`` if it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()


def name(pid: int) -> str:
    """The name of its program; empty if it has ended."""
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def tree(root: int) -> list[int]:
    """``root`` and every process below it."""
    below: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(below.get(pid, ()))
    return found


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a process and of its children that have ended; 0 if it has ended."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def total_cpu_s(pids: Iterable[int]) -> float:
    """The same of several."""
    return sum(map(cpu_s, pids))


def resident_mb(pid: int) -> float:
    """Megabytes of memory that a process has now; 0 if it has ended."""
    fields = _stat(pid)
    return int(fields[21]) * _PAGE / 1e6 if fields else 0.0


def fixed_work_ms() -> float:
    """Milliseconds of processor time that the same small piece of work takes now.

    Processor time is no constant either: where others keep the caches and the other half of a core busy, all
    work takes up to twice as much of it. This says by how much.
    """
    before = thread_time()
    text = ""
    for number in range(4_000):
        text = f"{number:05d}{text[:200]}"
    return (thread_time() - before) * 1_000


def local_ports(pid: int) -> set[int]:
    """The local ports of its TCP connections over IPv4."""
    try:
        opened = {str(link.readlink()) for link in (_PROC / str(pid) / "fd").iterdir()}
        lines = (_PROC / str(pid) / "net" / "tcp").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return set()
    ports = set()
    for fields in map(str.split, lines):
        if f"socket:[{fields[9]}]" in opened:
            ports.add(int(fields[1].split(":")[1], 16))
    return ports
