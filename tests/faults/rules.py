"""What fails on a stack of the tests' own, and how it is switched."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

type Rule = dict[str, Any]


@dataclass(frozen=True)
class Faults:
    """What fails, as local/watch/faults.py reads it."""

    path: Path

    def set(self, *rules: Rule, seed: int = 0) -> None:
        """Let calls fail by these rules, and no others, from now on."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"seed": seed, "rules": rules}))
        fresh.replace(self.path)
