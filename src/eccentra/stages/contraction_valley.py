"""Where one pull ends and the next begins although the strap never goes slack.

Who repeats without a pause on an elastic band comes back to within a quarter of the way (the rule of a
repetition), and the band's force with him. The dip of a weight stack that turns around is shorter.
"""

from __future__ import annotations

from eccentra.samples import NS_PER_S

__all__ = ["Valley"]


class Valley:
    """State of the force since a pull began; fed row by row.

    Parameters
    ----------
    home_share
        Force is back below this share of the pull's greatest.
    again_share
        It pulls again when force is above the least since then by this share.
    least_s
        It stays down for so long.
    least_n
        A share of the greatest force below this is slack, N: hands on a strap come and go like that.
    """

    def __init__(self, home_share: float, again_share: float, least_s: float, least_n: float) -> None:
        self._home, self._again = home_share, again_share
        self._least_ns = round(least_s * NS_PER_S)
        self._least_top = least_n / home_share
        self.restart()

    def restart(self) -> None:
        """A pull begins."""
        self._top = 0.0
        self._down: int | None = None
        self._up: int | None = None
        self._lowest = (0, 0.0)

    def push(self, t: int, net: float) -> int | None:
        """Take the force above rest in N; gives the time in ns of the lowest point once it pulls again."""
        low = net < self._home * self._top and self._top >= self._least_top
        if low and self._up is not None and self._down is not None and self._up - self._down < self._least_ns:
            self._down = None
        if low and self._down is None:
            self._down, self._lowest = t, (t, net)
        if low:
            self._up = None
        elif self._down is not None and self._up is None:
            self._up = t
        if self._down is None:
            self._top = max(self._top, net)
            return None
        if net < self._lowest[1]:
            self._lowest = (t, net)
        if self._up is None or net - self._lowest[1] < self._again * self._top:
            return None
        if self._up - self._down < self._least_ns:
            self._down = self._up = None
            self._top = max(self._top, net)
            return None
        return self._lowest[0]
