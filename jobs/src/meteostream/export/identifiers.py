"""How WMO's CSV formats name a station and say where it is."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from meteostream.export.errors import ExportError
from meteostream.export.numbers import rounded

if TYPE_CHECKING:
    from meteostream.export.reports import Place

_WSI: Final = re.compile(r"(?P<series>0)-(?P<issuer>[0-9]{1,5})-(?P<number>[0-9]{1,5})-(?P<local>[0-9A-Za-z]{1,16})")
"""WIGOS station identifier (WMO-No. 1160, section 2.4.1.3): series 0, issuer, issue number, local identifier."""
_GREATEST: Final = 65_534
"""Of issuer and issue number: BUFR 0 01 126 and 0 01 127 have 16 bits, and all ones are missing."""
_WMO: Final = re.compile(r"(?P<block>[0-9]{2})(?P<station>[0-9]{3})")
_DEGREE_DECIMALS: Final = 5
_HEIGHT_DECIMALS: Final = 1


def identifier_cells(place: Place) -> dict[str, str]:
    """Cells of identifiers and place that both formats have.

    Raises
    ------
    ExportError
        If the station's identifier is no WIGOS identifier.

    Examples
    --------
    >>> from meteostream.export.reports import Place
    >>> cells = identifier_cells(Place("0-20000-0-61641", "Yoff", "61641", "GOOY", 14.7333, -17.5, 27.0, None, {}))
    >>> cells["wsi_issuer"], cells["wsi_local"], cells["wmo_block_number"], cells["wmo_station_number"]
    ('20000', '61641', '61', '641')
    """
    match = _WSI.fullmatch(place.station)
    if match is None or max(int(match["issuer"]), int(match["number"])) > _GREATEST:
        raise ExportError(f"station {place.station}: expected a WIGOS identifier such as 0-20000-0-61641")
    wmo = _WMO.fullmatch(place.wmo or "")
    return {
        "wsi_series": match["series"],
        "wsi_issuer": match["issuer"],
        "wsi_issue_number": match["number"],
        "wsi_local": match["local"],
        "wmo_block_number": wmo["block"] if wmo else "",
        "wmo_station_number": wmo["station"] if wmo else "",
        "latitude": rounded(Fraction(repr(place.latitude)), _DEGREE_DECIMALS),
        "longitude": rounded(Fraction(repr(place.longitude)), _DEGREE_DECIMALS),
        "station_height_above_msl": rounded(Fraction(repr(place.elevation_m)), _HEIGHT_DECIMALS),
    }
