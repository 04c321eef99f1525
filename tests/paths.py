"""Where the repository is, and the shared evaluation data outside it, of which nothing is copied in."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
PAIRS = SHARED / "data" / "recorded" / "pairs"
