"""The ``pair`` format, ``docs/pair.md``: a provider's raw request and response come in, a ``Call`` goes out.

Every module of this folder that describes a provider's API registers it (``api.py``), so another API is
another file. ``envelope.py`` is the pair itself; ``bodies.py`` is its middle, which other formats that carry
provider bodies share; ``endpoint.py`` knows URLs, ``sse.py`` reads streams.
"""

from monitor.decode import registry
from monitor.decode.pair.envelope import decode, recognises

registry.load(__name__, __path__)
registry.register(registry.Format("pair", recognises, decode))
