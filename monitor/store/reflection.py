"""What alembic may compare: everything but the partitions of tables and their indexes.

Without this, autogenerate proposes to drop every partition (alembic issue 539).
"""

from __future__ import annotations

import re

import sqlalchemy as sa

_PARTITION = re.compile(r"calls_\d{8}|rollup_(?:service_)?1[mh]_\d{6}")


def include_object(
    item: sa.schema.SchemaItem, name: str | None, kind: str, reflected: bool, _compared: object
) -> bool:
    """Whether alembic's autogenerate looks at this object; see ``include_object`` in alembic's manual."""
    if not reflected:
        return True
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    return not (table and _PARTITION.fullmatch(table))
