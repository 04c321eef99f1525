"""Progress bars on standard error, where somebody looks at them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from monitor.files import STDIN


@contextmanager
def reading(files: Sequence[str], *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of these files. Gives what to call with the bytes of each record.

    Nothing is drawn where standard error is no terminal. The bar is gone at the end; what is printed to
    standard error meanwhile appears above it.
    """
    sizes = [None if name == STDIN else Path(name).stat().st_size for name in files] if shown else []
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with _bar("scoring", total, DownloadColumn(), shown=shown) as advance:
        yield advance


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over so many things. Gives what to call with how many more are done; drawn as in ``reading``."""
    with _bar(what, total, MofNCompleteColumn(), shown=True) as advance:
        yield advance


@contextmanager
def _bar(
    what: str, total: int | None, done: ProgressColumn, *, shown: bool
) -> Iterator[Callable[[int], None]]:
    if not (shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    with Progress(
        TextColumn(what),
        BarColumn(),
        done,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)
