"""The web surface, on one port: ``/metrics``, ``/healthz``, ``/readyz``, the pages and ``/api``.

In come questions to ask, as functions and a ``Desk``; out goes a server in a thread of its own. Pages and
``/api`` show the same typed values (``values``): what they mean, and where they come from, others know.
"""

from monitor.web.probes import Probe, build_app
from monitor.web.server import WebServer

__all__ = ["Probe", "WebServer", "build_app"]
