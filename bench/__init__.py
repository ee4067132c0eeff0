"""Measurements of the backend: what it asks of AWS, how fast it starts, answers and lists."""

import sys
from pathlib import Path

# The layer's package is not installed: Lambda puts it on the path, and so do pytest and this.
sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "ticketing"))
