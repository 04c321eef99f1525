"""Where the shared evaluation data lies. It is outside the repository; nothing of it is copied in."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
PAIRS = SHARED / "data" / "recorded" / "pairs"
