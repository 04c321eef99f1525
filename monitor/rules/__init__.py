"""The rules: what is a regression, and the states of a label set. Pure functions of counts and minutes.

``model`` is the language of the files in ``alerts/``, ``load`` reads them, ``metric`` says which counters
a metric is. ``grouping`` and ``histogram`` make arrays of rows, ``baseline`` says what is usual, ``detector``
gathers evidence, ``judge`` gives verdicts, ``states`` follows them, and ``memory`` keeps all that between two
minutes. ``matchers`` and ``inhibit`` say what is muted.
"""

from monitor.rules.contributors import contributors
from monitor.rules.load import Rules, load_rules
from monitor.rules.metric import Metric, metric
from monitor.rules.model import Rule

__all__ = ["Metric", "Rule", "Rules", "contributors", "load_rules", "metric"]
