"""How many processors may be used, where a control group says less than the machine has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.cores import cores

V1 = "4:memory:/m\n3:cpuset:/elsewhere\n1:cpu,cpuacct:/docker/ab\n0::/\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, 64, id="no-groups"),
        pytest.param({"proc/self/cgroup": "0::/\n"}, 64, id="no-quota"),
        pytest.param({"proc/self/cgroup": "0::/\n", "cpu.max": "max 100000\n"}, 64, id="max"),
        pytest.param({"proc/self/cgroup": "0::/\n", "cpu.max": "200000 100000\n"}, 2, id="two"),
        pytest.param({"proc/self/cgroup": "0::/\n", "cpu.max": "250000 100000\n"}, 2, id="two-and-a-half"),
        pytest.param({"proc/self/cgroup": "0::/\n", "cpu.max": "50000 100000\n"}, 1, id="half"),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", "cpu.max": "9900000 100000\n"}, 64, id="more-than-there-are"
        ),
        pytest.param({"proc/self/cgroup": "0::/\n", "cpu.max": "nonsense"}, 64, id="nonsense"),
        pytest.param(
            {"proc/self/cgroup": "0::/a/b\n", "a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"},
            3,
            id="the-group-above",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/not/seen\n", "cpu.max": "400000 100000\n"}, 4, id="a-place-not-seen"
        ),
        pytest.param(
            {
                "proc/self/cgroup": V1,
                "cpu,cpuacct/docker/ab/cpu.cfs_quota_us": "500000\n",
                "cpu,cpuacct/docker/ab/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            5,
            id="version-1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": V1,
                "cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
                "cpu,cpuacct/cpu.cfs_period_us": "50000\n",
            },
            3,
            id="version-1-in-a-container",
        ),
    ],
)
def test_a_quota_that_is_less_than_the_processors_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: Mapping[str, str], expected: int
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    for name, text in files.items():
        file = tmp_path / name if name.startswith("proc/") else tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert cores(tmp_path) == expected


def test_here_there_is_at_least_one() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
