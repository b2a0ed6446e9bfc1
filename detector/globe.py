"""Great-circle distances in whole kilometres, from hundredths of a degree, in integers.

numpy's sines may differ in the last bit with an array's length, and verdicts must not. So sine and cosine come from a
table of every hundredth of a degree, a position becomes a vector of 30-bit integers, and the squared chord between two
vectors, exact in 64 bits, is looked up among those of 0, 1, 2, ... km. Errors stay below a few metres.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

EARTH_KM: Final = 6371.0088
"""The mean radius (IUGG)."""

HALF_ROUND_KM: Final = 20015
"""Half of the circumference: the largest distance there is."""

_SCALE = 1 << 30
_angle = np.deg2rad(np.arange(-18_000, 18_001) / 100)
_SINE = np.round(np.sin(_angle) * _SCALE).astype(np.int64)
_COSINE = np.round(np.cos(_angle) * _SCALE).astype(np.int64)
_CHORD = np.round(np.square(2 * np.sin(np.arange(HALF_ROUND_KM + 1) / (2 * EARTH_KM)) * _SCALE)).astype(np.int64)


def distance_km(
    lat_a: NDArray[np.int32], lon_a: NDArray[np.int32], lat_b: NDArray[np.int32], lon_b: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Whole kilometres, rounded down, between positions in hundredths of a degree (up to 9000 and 18000)."""
    a, b = _vector(lat_a, lon_a), _vector(lat_b, lon_b)
    chord = sum(((p - q) ** 2 for p, q in zip(a, b, strict=True)), start=np.zeros(len(lat_a), np.int64))
    return np.searchsorted(_CHORD, chord, side="right") - 1


def _vector(lat: NDArray[np.int32], lon: NDArray[np.int32]) -> tuple[NDArray[np.int64], ...]:
    across = _COSINE[lat + 18_000]
    return (
        (across * _COSINE[lon + 18_000]) >> 30,
        (across * _SINE[lon + 18_000]) >> 30,
        _SINE[lat + 18_000],
    )
