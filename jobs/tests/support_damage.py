"""Damaged text, for tests that no text raises."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

LATE = "9999-12-31T23:59:59Z"
"""A moment of intake. A reader does not know the present; that the future is refused is the contract's part."""
_OTHERS = ("", "/", " ", "\n", "=", "0", "2", "3", "9", "M", "Z", "é", "\x00", "٣")


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[str]) -> str:
    """One of some texts with up to six of its characters replaced, dropped or doubled."""
    text = list(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(text) - 1))
        text[place] = draw(st.sampled_from([*_OTHERS, text[place] * 2]))
    return "".join(text)
