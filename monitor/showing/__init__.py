"""Answers what the pages ask: rows, rollups and rules in, the values of ``monitor.web`` out.

``course`` draws an alert's metric and evidence over time from the rollups, with the engine's own reader and
detector; ``alert`` puts one alert together, ``status`` all services; ``desk`` is the ``Desk`` of the pages.
"""

from monitor.showing.desk import Showing

__all__ = ["Showing"]
