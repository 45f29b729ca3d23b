"""A panel of the dashboard, and the few shapes that its expressions have.

Guarantees: every expression is of the job and the instance that are chosen.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["WHERE", "Panel", "by", "now", "p99", "rate", "rate_by"]


class Panel(msgspec.Struct, frozen=True):
    """A chart.

    Attributes:
        title: two or three words.
        description: what to look for, a sentence.
        unit: as Grafana names it.
        queries: legends by expression.
    """

    title: str
    description: str
    unit: str
    queries: Mapping[str, str]


WHERE: Final = '{job=~"$job", instance=~"$instance"}'


def now(*names: str, legend: str = "") -> dict[str, str]:
    """Return gauges as they are."""
    return {f"weft_{name}{WHERE}": legend or _words(name) for name in names}


def by(label: str, *names: str) -> dict[str, str]:
    """Return gauges by a label."""
    return {f"sum by ({label}) (weft_{name}{WHERE})": _legend(label) for name in names}


def rate(*names: str) -> dict[str, str]:
    """Return counters per second."""
    return {
        f"sum(rate(weft_{name}_total{WHERE}[$__rate_interval]))": _words(name)
        for name in names
    }


def rate_by(label: str, name: str) -> dict[str, str]:
    """Return a counter per second by labels."""
    each = f"rate(weft_{name}_total{WHERE}[$__rate_interval])"
    return {f"sum by ({label}) ({each})": _legend(label)}


def p99(*names: str, by: str = "") -> dict[str, str]:
    """Return what 99 of 100 observations stay under."""
    labels = f"le, {by}" if by else "le"
    return {
        f"histogram_quantile(0.99, sum by ({labels}) "
        f"(rate(weft_{name}_bucket{WHERE}[$__rate_interval])))": (
            _legend(by) if by else _words(name)
        )
        for name in names
    }


def _words(name: str) -> str:
    return name.replace("_", " ")


def _legend(labels: str) -> str:
    return " ".join("{{" + label + "}}" for label in labels.split(", "))
