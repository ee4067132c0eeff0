"""Metrics, written into the log in CloudWatch's embedded metric format (EMF).

The template names each function's service (`POWERTOOLS_SERVICE_NAME`). It is a dimension of every metric, as it is a
field of every log line.
"""

from collections.abc import Mapping
from typing import Final

from aws_lambda_powertools.metrics import Metrics, MetricUnit

_metrics: Final = Metrics(namespace="TicketSystem")


def count(numbers: Mapping[str, int], dimensions: Mapping[str, str]) -> None:
    """Write counts, by the names of their metrics, with these dimensions beside the service."""
    for name, value in dimensions.items():
        _metrics.add_dimension(name, value)
    for name, number in numbers.items():
        _metrics.add_metric(name, MetricUnit.Count, number)
    _metrics.flush_metrics()


class Counts:
    """Counts of a whole invocation: added up first, then written with one entry for each set of dimensions."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[str, str], ...], dict[str, int]] = {}
        self._values: list[tuple[str, int, MetricUnit]] = []

    def add(self, metric: str, number: int, dimensions: Mapping[str, str]) -> None:
        """Add a number, which may be zero, to a metric."""
        numbers = self._numbers.setdefault(tuple(sorted(dimensions.items())), {})
        numbers[metric] = numbers.get(metric, 0) + number

    def measure(self, metric: str, value: int, unit: MetricUnit) -> None:
        """Add a value to a metric whose values stay apart: CloudWatch makes percentiles of them."""
        self._values.append((metric, value, unit))

    def write(self) -> None:
        """Write what was added."""
        for metric, value, unit in self._values:
            _metrics.add_metric(metric, unit, value)
        if self._values:
            _metrics.flush_metrics()
        for dimensions, numbers in self._numbers.items():
            count(numbers, dict(dimensions))
