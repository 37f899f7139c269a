"""Statistics for independent samples. (Outcomes inside one failover are not independent: they are counted, without an interval.)"""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson(successes: int, samples: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a proportion, both ends in [0, 1]. Without a sample nothing is known: (0, 1)."""
    if samples == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / samples
    centre = share + z * z / (2 * samples)
    spread = z * math.sqrt(share * (1 - share) / samples + z * z / (4 * samples * samples))
    scale = 1 + z * z / samples
    # The ends are exact where every sample agrees; rounding must not move them.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == samples else (centre + spread) / scale
    return low, high
