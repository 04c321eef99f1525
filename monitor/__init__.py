"""llm-monitor: reads every LLM call from Kafka, scores it, and pages someone when a series regresses.

Importing this package imports nothing else, so that an application can use ``monitor.ship`` without
the service's dependencies.
"""

__version__ = "0.1.0"
