"""The same growth, read at each tick: the mappings say what grows, statm how surely it does.

The mappings of a large process are dear to read, so within seconds there are few readings of them; statm
costs a hundredth and is read at each tick. Where all that RSS (or the address space) gained is what one account
gained, the floors and the pauses of statm are that account's, and there are more of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from memlab.diagnose.account import Account
from memlab.diagnose.floors import FEWEST_INSTANTS, LEVELS, blocks_of, in_words, teeth
from memlab.diagnose.trend import Shape, Trend, trend
from memlab.model.memory import Basis
from memlab.model.recording import Recording
from memlab.model.series import Series

COLUMNS = {
    Basis.RESIDENT: "statm.resident",
    Basis.SWAP_BACKED: "statm.resident",
    Basis.VIRTUAL: "statm.size",
}
# what others gained beside it is less than one of the steps between floors, which are ten and more
MOST_BESIDE = 0.1
# what may become of it: statm rises with whatever else creeps, so that it makes nothing rise that does not, unless that
# was read too seldom to rise or not: then in steps that are more than all the rest can be
_MAY_BECOME = {
    Shape.RISING: (Shape.RISING, Shape.SLOWING, Shape.STOPPED, Shape.UNCLEAR),
    Shape.SLOWING: (Shape.RISING, Shape.SLOWING, Shape.STOPPED, Shape.UNCLEAR),
    Shape.UNCLEAR: (Shape.STOPPED, Shape.UNCLEAR),
}


def at_each_tick(recording: Recording, account: Account, found: Trend) -> Trend:
    """`found`, with what statm shows of its floors and pauses, where all growth there is this account's."""
    column = COLUMNS.get(account.basis)
    if found.shape not in _MAY_BECOME or column is None or found.growth <= account.quantum:
        return found
    fine = recording.series(column)
    if len(fine) <= len(account.series):
        return found
    within = np.interp(account.series.times[[0, -1]], fine.times, fine.values)
    if abs(within[1] - within[0] - found.growth) > MOST_BESIDE * found.growth:
        return found
    seldom = found.shape is Shape.UNCLEAR and _is_seldom_read(account.series)
    seen = trend(_in_large_steps(fine, found.growth) if seldom else fine, account.quantum)
    if seen.shape not in _MAY_BECOME[found.shape] and not (seldom and seen.shape is Shape.RISING):
        return found
    if seen.shape is Shape.UNCLEAR and len(teeth(fine, account.quantum).times):
        return found  # of a saw the peaks rest for longer than its growth does
    return replace(
        found,
        shape=seen.shape,
        level_seconds=seen.level_seconds,
        levels=seen.levels,
        decided_after=seen.decided_after,
        told=in_words(seen.levels, f" of {column.replace('.', ' ')}") if seen.levels else "",
    )


def _is_seldom_read(series: Series) -> bool:
    """Too few readings for floors, or so far apart that a block has none."""
    return len(series) < FEWEST_INSTANTS or len(blocks_of(series, LEVELS).times) < LEVELS


def _in_large_steps(fine: Series, growth: float) -> Series:
    """As many tenths of the growth as are full: what creeps beside it fills none."""
    step = MOST_BESIDE * growth
    return replace(fine, values=np.floor((fine.values - fine.values[0]) / step) * step)
