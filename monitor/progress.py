"""A progress bar on standard error while files are read, where somebody looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from monitor.files import STDIN


@contextmanager
def reading(files: Sequence[str], *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of these files. Gives what to call with the bytes of each record.

    Nothing is drawn where standard error is no terminal. The bar is gone at the end; what is printed to
    standard error meanwhile appears above it.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    sizes = [None if name == STDIN else Path(name).stat().st_size for name in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with Progress(
        TextColumn("scoring"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    ) as progress:
        task = progress.add_task("scoring", total=total)
        yield lambda read: progress.advance(task, read)
