"""Model: what an isolation forest says of measurements; a supplement that never revokes alone."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Model(Protocol):
    """What fusion asks."""

    def grade(self, measurements: NDArray[np.float32]) -> NDArray[np.int64]:
        """How unusual each row of (m, len(MEASUREMENTS)) is, thousandths, (m,); 500 is the middle."""
        ...
