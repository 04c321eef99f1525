"""The ingest loop: records come in from a source, saved batches and dead letters go out, whatever happens.

``worker`` is the loop. It finds its place (``finder``), has records decoded and scored (``reader``, ``work``)
under guard (``guard``, ``at_hand``), collects batches (``collected``), puts parts of calls together
(``joiner``) and saves in a thread beside it (``saver``).
"""

from monitor.ingest.worker import BACKOFF_S, Worker

__all__ = ["BACKOFF_S", "Worker"]
