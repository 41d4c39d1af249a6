"""Counter-based random numbers: a value is a function of seed, place, time and purpose, of nothing else.

So a run can be split over processes, resumed, or asked for one minute of one station, and gives the same weather.
The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11), written for
whole columns; the authors' known answers are in the tests.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# Constants of the paper, table 2 and section 3.
_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_ROUNDS: Final = 10
_MASK: Final = np.uint64(0xFFFFFFFF)
_WORD: Final = np.uint64(32)
_TO_UNIT: Final = 2.0**-32


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Four 32-bit words for each counter of four 32-bit words, all held in uint64.

    >>> zero = np.zeros(1, np.uint64)
    >>> [f"{int(word[0]):08x}" for word in philox((zero, zero, zero, zero), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    a, b, c, d = counter
    key_0, key_1 = key
    for _ in range(_ROUNDS):
        low, high = _MULTIPLIERS[0] * a, _MULTIPLIERS[1] * c
        a, b, c, d = (
            (high >> _WORD) ^ b ^ np.uint64(key_0),
            high & _MASK,
            (low >> _WORD) ^ d ^ np.uint64(key_1),
            low & _MASK,
        )
        key_0, key_1 = (key_0 + _WEYL[0]) & 0xFFFFFFFF, (key_1 + _WEYL[1]) & 0xFFFFFFFF
    return a, b, c, d


def uniform(seed: int, purpose: int, place: Words, moment: Integers) -> tuple[Floats, Floats, Floats, Floats]:
    """Four independent numbers in (0, 1) for each place and moment.

    Parameters
    ----------
    seed
        Of the run; its low 64 bits count.
    purpose
        Which of the simulator's processes asks, 0 to 255.
    place, moment
        64-bit identities, broadcast against each other.
    """
    where, when = np.broadcast_arrays(place, moment.astype(np.int64).view(np.uint64))
    counter = (
        where & _MASK,
        where >> _WORD,
        when & _MASK,
        ((when >> _WORD) & np.uint64(0xFFFFFF)) | np.uint64(purpose << 24),
    )
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF))
    a, b, c, d = ((word.astype(np.float64) + 0.5) * _TO_UNIT for word in words)
    return a, b, c, d


def normal(seed: int, purpose: int, place: Words, moment: Integers) -> Floats:
    """A standard normal number for each place and moment (Box and Muller 1958)."""
    first, second, _, _ = uniform(seed, purpose, place, moment)
    return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)


def smooth(seed: int, purpose: int, place: Words, seconds: Integers, scale_s: int) -> Floats:
    """A smooth random course of time with variance one: normal numbers at knots, joined.

    Parameters
    ----------
    seconds
        Since 1970.
    scale_s
        Distance of the knots; the course is unrelated with itself about two of them away.
    """
    knot = seconds // scale_s
    x = (seconds - knot * scale_s) / scale_s
    # Weights of a raised cosine, scaled so that the variance stays one between the knots as well.
    right = 0.5 - 0.5 * np.cos(np.pi * x)
    left = 1.0 - right
    course = left * normal(seed, purpose, place, knot) + right * normal(seed, purpose, place, knot + 1)
    return np.asarray(course / np.sqrt(left**2 + right**2), dtype=np.float64)
