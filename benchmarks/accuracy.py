"""How right the scores are: one table per scorer on public labelled data, beside a plain reference.

The reference's figure is computed in the same run, on the same rows. ``python -m benchmarks.accuracy DATA``:
DATA is the folder with ``scoring/`` in it; weights and thresholds are chosen on ``--split train``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks._data import DATA
from benchmarks.tables import fallback, grounding, instructions, json_mode, tools

TABLES = {
    "json": json_mode.table,
    "tools": tools.table,
    "grounding": grounding.table,
    "fallback": fallback.table,
    "instructions": instructions.table,
}


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--only", choices=TABLES, nargs="+", default=list(TABLES))
    options = parser.parse_args()
    for name in options.only:
        TABLES[name](options.data, options.split)


if __name__ == "__main__":
    main()
