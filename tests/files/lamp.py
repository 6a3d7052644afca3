"""A lamp that burns oil."""

import math


class Lamp:
    wick = 2

    def hours(self, oil: float) -> float:
        """Hours of light.

        Four an ounce.
        """
        return 4 * oil / math.sqrt(self.wick)


LAMPS = [
    Lamp(),

]
print("café", LAMPS)
