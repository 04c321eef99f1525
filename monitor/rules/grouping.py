"""Groups series by labels: the dimensions of every series in, sums of counters by label set out.

A rule judges one instance for each combination of the labels it is ``by``. Which series belong to which is
found once, and grows as series are made; summing rows of rollups is then one pass of numpy over them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LabelSet = tuple[str, ...]


class Groups:
    """The instances of one rule, and the series of each.

    An instance keeps its index for good; new ones come after those that are there. A rule by no label has
    one instance, whether it has series or not.

    Args:
        by: the dimensions whose values tell instances apart.
        where: the values that a dimension of a series may have, by dimension; others are free.
        known: the label sets that have the first indexes, whether they have series or not.

    Attributes:
        by: the dimensions.
        labels: the values of ``by`` of each instance, in the order of the instances.
    """

    def __init__(
        self,
        by: Sequence[str] = (),
        where: Mapping[str, Collection[str]] | None = None,
        known: Sequence[LabelSet] = (),
    ) -> None:
        self.by = tuple(by)
        self.labels: list[LabelSet] = list(known if by else [()])
        self._where = {name: frozenset(values) for name, values in (where or {}).items()}
        self._index = {label_set: index for index, label_set in enumerate(self.labels)}
        self._read = 0
        #: The instance of a series by the series' id; -1 where it has none.
        self._instances = np.full(1, -1)

    def __len__(self) -> int:
        return len(self.labels)

    def grow(self, series_ids: Sequence[int], columns: Mapping[str, Sequence[str]]) -> None:
        """Take in the series that are new since the last time.

        Args:
            series_ids: every series, in the same order each time, the new ones last.
            columns: their values by dimension, each as long as ``series_ids``.
        """
        new = range(self._read, len(series_ids))
        if not new:
            return
        self._read = len(series_ids)
        highest = max(series_ids[place] for place in new)
        if highest >= len(self._instances):
            more = np.full(highest + 1 - len(self._instances), -1)
            self._instances = np.concatenate([self._instances, more])
        wanted = [(columns[name], values) for name, values in self._where.items()]
        by = [columns[name] for name in self.by]
        for place in new:
            if all(column[place] in values for column, values in wanted):
                label_set = tuple(column[place] for column in by)
                self._instances[series_ids[place]] = self._index_of(label_set)

    def _index_of(self, label_set: LabelSet) -> int:
        index = self._index.setdefault(label_set, len(self.labels))
        if index == len(self.labels):
            self.labels.append(label_set)
        return index

    def instances(self, series_id: Ints) -> Ints:
        """The instance of each of these series, ``[R]``; -1 for one that is in none, or was not taken in."""
        there = series_id < len(self._instances)
        found: Ints = np.where(there, self._instances[np.where(there, series_id, 0)], -1)
        return found

    def total(self, series_id: Ints, values: ArrayLike) -> Floats:
        """The sum of the rows of each instance, ``[S]``; 0 where there are none.

        Args:
            series_id: of each row, ``[R]``.
            values: what to add up, ``[R]``.
        """
        total: Floats = self.totals(series_id, np.zeros(len(series_id), np.int64), values, 1)[0]
        return total

    def totals(self, series_id: Ints, part: Ints, values: ArrayLike, parts: int) -> Floats:
        """The sum of the rows of each part and instance, ``[parts, S]``: of each of several hours, say.

        Args:
            series_id: of each row, ``[R]``.
            part: of each row, ``[R]``, from 0 to before ``parts``.
            values: what to add up, ``[R]``.
            parts: how many parts there are.
        """
        # Rows of no instance are added up too, in a place of their own before those of the others.
        width = len(self) + 1
        place = part * width + self.instances(series_id) + 1
        sums = np.bincount(place, np.asarray(values, np.float64), parts * width)
        return sums.reshape(parts, width)[:, 1:].astype(np.float64)
