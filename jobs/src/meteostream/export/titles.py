"""Words of people's CSV files, French and English."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from meteostream.contract.variables import Variable

Language = Literal["fr", "en"]

UNITS: Final[dict[str, str]] = {"degC": "°C", "degree": "°", "W m-2": "W/m²", "bool": ""}
"""Units that are written differently for people."""

FRENCH_UNITS: Final[dict[str, str]] = {"okta": "octas"}

FRENCH: Final[dict[str, str]] = {
    "air_temperature": "Température de l'air",
    "dew_point_temperature": "Point de rosée",
    "relative_humidity": "Humidité relative",
    "station_pressure": "Pression à la station",
    "sea_level_pressure": "Pression au niveau de la mer",
    "wind_mean_2min": "Vent moyen sur 2 minutes",
    "wind_mean_10min": "Vent moyen sur 10 minutes",
    "wind_direction": "Direction d'où vient le vent",
    "wind_variable": "Direction du vent variable",
    "gust_10min": "Rafale maximale sur 10 minutes",
    "gust_1h": "Rafale maximale sur 1 heure",
    "rain_1min": "Pluie de 1 minute",
    "rain_1h": "Pluie de 1 heure",
    "rain_6h": "Pluie de 6 heures",
    "rain_24h": "Pluie de 24 heures",
    "tmax_12h": "Température maximale sur 12 heures",
    "tmin_12h": "Température minimale sur 12 heures",
    "visibility": "Visibilité",
    "cloud_cover": "Nébulosité totale",
    "irradiance": "Rayonnement global",
    "sunshine_1h": "Insolation de 1 heure",
    "tmax_24h": "Température maximale sur 24 heures",
    "tmin_24h": "Température minimale sur 24 heures",
    "tmean_24h": "Température moyenne sur 24 heures",
    "relative_humidity_mean_24h": "Humidité relative moyenne sur 24 heures",
    "wind_mean_24h": "Vent moyen sur 24 heures",
    "gust_24h": "Rafale maximale sur 24 heures",
    "rain_3h": "Pluie de 3 heures",
    "rain_12h": "Pluie de 12 heures",
    "sunshine_24h": "Insolation de 24 heures",
    "irradiance_mean_24h": "Rayonnement global moyen sur 24 heures",
    "evaporation_24h": "Évaporation de 24 heures",
    "snow_depth": "Hauteur de neige",
}
"""French titles of the contract's variables; English ones are the contract's own."""


class Words(NamedTuple):
    """What a file says beside the variables.

    Attributes
    ----------
    columns
        Headers of the columns before the variables.
    suspect, failed
        Headers of the last columns.
    natures
        How a nature is written in each row.
    banner
        First line of a file that holds no observations, by nature.
    period, licences, missing, yes, no
        Parts of the lines before the header, and a boolean's values.
    """

    columns: tuple[str, ...]
    suspect: str
    failed: str
    natures: dict[str, str]
    banner: dict[str, str]
    period: str
    licences: str
    missing: str
    yes: str
    no: str


WORDS: Final[dict[Language, Words]] = {
    "fr": Words(
        columns=(
            "Station (WIGOS)",
            "Nom",
            "OMM",
            "OACI",
            "Latitude (°)",
            "Longitude (°)",
            "Altitude (m)",
            "Heure (UTC)",
            "Source",
            "Type de message",
            "Nature",
        ),
        suspect="Valeurs douteuses",
        failed="Valeurs écartées",
        natures={"observed": "observé", "simulated": "SIMULÉ", "replayed": "REJOUÉ"},
        banner={
            "simulated": "SIMULÉ : données inventées par un simulateur, aucune n'a été observée",
            "replayed": "REJOUÉ : données d'un exercice, à ne pas prendre pour des observations nouvelles",
        },
        period="Période (UTC) : de {begin} à avant {end}",
        licences="Sources et licences :",
        missing="Une case vide : non mesuré, manquant ou écarté par le contrôle de qualité",
        yes="oui",
        no="non",
    ),
    "en": Words(
        columns=(
            "Station (WIGOS)",
            "Name",
            "WMO",
            "ICAO",
            "Latitude (°)",
            "Longitude (°)",
            "Elevation (m)",
            "Time (UTC)",
            "Source",
            "Report type",
            "Nature",
        ),
        suspect="Suspect values",
        failed="Values taken out",
        natures={"observed": "observed", "simulated": "SIMULÉ (simulated)", "replayed": "REPLAYED"},
        banner={
            "simulated": "SIMULÉ (simulated): made up by a simulator, nothing here was observed",
            "replayed": "REPLAYED: data of a drill, not to be taken for new observations",
        },
        period="Period (UTC): from {begin} to before {end}",
        licences="Sources and licences:",
        missing="An empty cell: not measured, missing, or taken out by the quality control",
        yes="yes",
        no="no",
    ),
}


def title_of(variable: Variable, language: Language) -> str:
    """What a variable is called, without its unit."""
    return FRENCH[variable.name] if language == "fr" else variable.title


def variable_title(variable: Variable, language: Language) -> str:
    """Header of a variable's column, with its unit.

    >>> from meteostream.contract.variables import ALL
    >>> variable_title(ALL["air_temperature"], "fr"), variable_title(ALL["wind_variable"], "en")
    ("Température de l'air (°C)", 'Wind direction is variable')
    """
    unit = UNITS.get(variable.unit, variable.unit)
    if language == "fr":
        unit = FRENCH_UNITS.get(unit, unit)
    title = title_of(variable, language)
    return f"{title} ({unit})" if unit else title
