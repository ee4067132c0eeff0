"""Figures, and the table that shows them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `reach` is the most that it may be; None where nothing is promised."""

    group: str
    name: str
    value: float
    unit: str
    reach: float | None = None

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the value is more than was promised."""
        return self.reach is not None and self.value > self.reach

    def as_json(self) -> dict[str, Any]:
        """Return the figure for the results' file."""
        return asdict(self)


def show(figures: Iterable[Figure]) -> None:
    """Print the figures as one table."""
    figures = list(figures)
    width = max(len(figure.name) for figure in figures)
    group = None
    for figure in figures:
        if figure.group != group:
            group = figure.group
            print(f"\n{group}")
        reach = "" if figure.reach is None else f"   reach {figure.reach:g}"
        verdict = "   OUT OF REACH" if figure.is_out_of_reach else ""
        print(f"  {figure.name:<{width}}  {figure.value:>10.2f} {figure.unit:<12}{reach}{verdict}")
