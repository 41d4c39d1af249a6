"""How names are compared."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    r"""Form in which two spellings of a name are equal: without case, accents, and punctuation.

    NFC and NFD, curly and straight apostrophes, dashes and slashes, narrow spaces (U+202F) make no difference.
    It is for looking up only: the name itself is kept as registered.

    >>> fold("Ke\u0301dougou") == fold("KÉDOUGOU") == "kedougou"
    True
    >>> fold("Dakar/Yoff"), fold("Cap\u202fSkirring")
    ('dakar yoff', 'cap skirring')
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(
        character if character.isalnum() else " " for character in decomposed if not unicodedata.combining(character)
    )
    return " ".join(kept.split())
