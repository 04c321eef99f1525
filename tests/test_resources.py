"""What the service reads at run time is found in a checkout and in a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from monitor.errors import Permanent
from monitor.resources import folder

ROOT = Path(__file__).resolve().parents[1]
RESOURCES = ("migrations", "alerts", "grafana")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project's wheel."""
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.mark.parametrize("name", RESOURCES)
def test_in_a_checkout_a_resource_stands_at_the_root(name: str) -> None:
    assert folder(name) == ROOT / name


def test_a_resource_that_is_not_there_is_named() -> None:
    with pytest.raises(Permanent, match="no nonsense/ folder"):
        folder("nonsense")


def test_a_wheel_has_the_package_and_every_resource_and_nothing_else(wheel: Path) -> None:
    resources = {
        f"monitor/_resources/{path.relative_to(ROOT)}"
        for name in RESOURCES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert resources <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"monitor", "llm_monitor"}


def test_an_installed_wheel_finds_its_resources(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = f"from monitor.resources import folder; print(*map(folder, {RESOURCES!r}), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "monitor" / "_resources" / name) for name in RESOURCES]
