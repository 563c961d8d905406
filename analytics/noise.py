"""Geometric (discrete Laplace) noise from OpenDP, which draws it exactly and from the system's own randomness.

The probability of adding k is (1 - a) / (1 + a) * a ** |k| with a = exp(-epsilon), for a count that one person changes
by one (Ghosh, Roughgarden and Sundararajan 2012, SIAM Journal on Computing 41:1673-1693).
"""

from collections.abc import Callable
from functools import lru_cache


def noisy(count: int, epsilon: float) -> int:
    """Return the count with noise of scale 1 / `epsilon`; it may be negative."""
    return _mechanism(epsilon)(count)


@lru_cache(maxsize=16)
def _mechanism(epsilon: float) -> Callable[[int], int]:
    import opendp.prelude as dp  # noqa: PLC0415  # takes a second to load, and few processes count

    dp.enable_features("contrib")
    mechanism: Callable[[int], int] = dp.m.make_geometric(
        dp.atom_domain(T=int), dp.absolute_distance(T=int), scale=1.0 / epsilon
    )
    return mechanism
