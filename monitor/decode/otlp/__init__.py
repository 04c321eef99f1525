"""OpenTelemetry's OTLP: the Collector's messages come in, fragments of calls go out.

``formats.py`` reads the bytes (``proto_wire.py``, ``json_wire.py``) into the spans and log records of
``span.py``; a dialect (``dialect.py``) reads those. Every module of this folder that describes a dialect
registers it, so another emitter is another file.
"""

from monitor.decode import registry

registry.load(__name__, __path__)
