"""What observers read: French, and English for those who ask for it."""

from __future__ import annotations

import unicodedata
from typing import Final, Literal

from meteostream.intake.rain import EntryError

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")

PAGE: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "title": "Pluie de 06 h TU",
        "token": "Votre code personnel",
        "enter": "Entrer",
        "wrong-token": "Ce code n'est pas connu. Vérifiez-le, ou demandez-en un nouveau à votre bureau.",
        "station": "Station",
        "day": "Relevé du (06 h TU)",
        "amount": "Pluie en mm",
        "trace": "traces (trop peu pour être mesuré)",
        "send": "Envoyer",
        "help": "Pluie des 24 heures avant 06 h TU. Rien n'est tombé : 0.",
        "done": "Enregistré",
        "same": "C'était déjà enregistré",
        "confirm-title": "À confirmer",
        "conflict": "Pour cette station et ce jour, une autre valeur est déjà enregistrée :",
        "large": "C'est beaucoup de pluie. Est-ce bien cela ?",
        "yours": "Votre valeur :",
        "confirm": "Oui, enregistrer",
        "cancel": "Non, corriger",
        "by": "par",
        "recent": "Derniers relevés",
        "leave": "Sortir",
        "other": "English",
        "again": "La page a expiré. Envoyez de nouveau, s'il vous plaît.",
        "slow": "Trop de demandes. Attendez une minute, s'il vous plaît.",
        "unavailable": "Le relevé n'a pas pu être enregistré. Réessayez dans quelques minutes.",
        "not-found": "Cette page n'existe pas.",
        "failed": "Cette demande n'a pas été comprise.",
    },
    "en": {
        "title": "Rain of 06 UTC",
        "token": "Your personal code",
        "enter": "Enter",
        "wrong-token": "This code is not known. Check it, or ask your office for a new one.",
        "station": "Station",
        "day": "Read on (06 UTC)",
        "amount": "Rain in mm",
        "trace": "trace (too little to measure)",
        "send": "Send",
        "help": "Rain of the 24 hours before 06 UTC. None fell: 0.",
        "done": "Stored",
        "same": "It was stored already",
        "confirm-title": "Please confirm",
        "conflict": "For this station and day another value is stored already:",
        "large": "That is a lot of rain. Is it right?",
        "yours": "Your value:",
        "confirm": "Yes, store it",
        "cancel": "No, correct it",
        "by": "by",
        "recent": "Last readings",
        "leave": "Leave",
        "other": "Français",
        "again": "The page has expired. Please send again.",
        "slow": "Too many requests. Please wait a minute.",
        "unavailable": "The reading could not be stored. Try again in a few minutes.",
        "not-found": "There is no such page.",
        "failed": "This request was not understood.",
    },
}

_PROBLEMS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "amount": "« {shown} » n'est pas une quantité de pluie. Écrivez par exemple 12,5 ou 0 ou traces.",
        "too-much": "« {shown} » : il n'est jamais tombé plus de 1825 mm en un jour. Vérifiez la virgule.",
        "day": "« {shown} » n'est pas un jour. Écrivez par exemple 25/11.",
        "future": "Le {shown} n'est pas encore venu.",
        "too-early": "Il n'est pas encore 06 h TU. Envoyez le relevé quand il est fait.",
        "too-old": "Le {shown} est trop ancien. Appelez votre bureau pour le corriger.",
        "grammar": "Message non compris. Écrivez : PLUIE STATION 12,5 (ou PLUIE STATION 24/11 12,5).",
        "station-not-yours": "« {shown} » n'est pas une de vos stations.",
    },
    "en": {
        "amount": "“{shown}” is no amount of rain. Write for example 12.5 or 0 or trace.",
        "too-much": "“{shown}”: more than 1825 mm never fell in a day. Check the decimal point.",
        "day": "“{shown}” is no day. Write for example 25/11.",
        "future": "{shown} has not come yet.",
        "too-early": "It is not yet 06 UTC. Send the reading when it is made.",
        "too-old": "{shown} is too long ago. Call your office to correct it.",
        "grammar": "Message not understood. Write: PLUIE STATION 12.5 (or PLUIE STATION 24/11 12.5).",
        "station-not-yours": "“{shown}” is not one of your stations.",
    },
}


def problem(error: EntryError, language: Language) -> str:
    """A sentence about an entry that cannot be taken."""
    return _PROBLEMS[language][error.problem].format(shown=error.shown)


LONGEST_REPLY: Final = 160
"""Characters of GSM 03.38 in one message (3GPP TS 23.040, 9.2.3.16: 140 octets)."""
GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""GSM 7 bit default alphabet (3GPP TS 23.038, 6.2.1). Any other character halves what a message holds."""


def for_sms(text: str) -> str:
    """A sentence that fits one message: in characters of the GSM alphabet, and no longer than one holds.

    French quotation marks are not among them, nor are some letters with accents, which lose those.

    >>> print(for_sms("« 5x » n'est pas une quantité, même à Linguère"))
    "5x" n'est pas une quantité, meme à Linguère
    >>> for_sms("\N{SNOWMAN}" * 200) == "?" * 160
    True
    """
    plain = unicodedata.normalize("NFC", text).replace("« ", '"').replace(" »", '"')
    return "".join(_gsm(character) for character in plain)[:LONGEST_REPLY]


def _gsm(character: str) -> str:
    if character in GSM:
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base in GSM else "?"
