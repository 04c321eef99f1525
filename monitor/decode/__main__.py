"""``python -m monitor.decode > docs/native.schema.json`` writes the native format's JSON Schema."""

import sys

from monitor.decode.native import json_schema

sys.stdout.write(json_schema())
