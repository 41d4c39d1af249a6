"""Published normals in the warehouse. A value that is published anew replaces the old one, which stays readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg2.extras import execute_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg2.extensions

    from meteostream.sources.normals import Normal, NormalsProfile

KEY: Final = ("station", "variable", "day_statistic", "statistic", "period", "number")
_STAGE: Final = """
CREATE TEMPORARY TABLE normal_stage (
    station text COLLATE "C", variable text COLLATE "C", day_statistic text COLLATE "C", statistic text COLLATE "C",
    period text COLLATE "C", number smallint, value double precision
) ON COMMIT DROP
"""
_SAME: Final = " AND ".join(f"n.{name} = s.{name}" for name in KEY)
_PRESENT: Final = f"""
FROM normal_stage AS s WHERE n.replaced_at IS NULL AND {_SAME}
    AND n.source = %(source)s AND n.first_year = %(first_year)s AND n.last_year = %(last_year)s
"""
_CONTENT: Final = "licence, attribution, commercial_use, redistribute"
_DIFFERS: Final = f"""
    AND (n.value, {", ".join(f"n.{name}" for name in _CONTENT.split(", "))}) IS DISTINCT FROM
    (s.value, %(licence)s::text, %(attribution)s::text, %(commercial_use)s::boolean, %(redistribute)s::boolean)
"""
_REPLACE: Final = f"UPDATE core.normal AS n SET replaced_at = now() {_PRESENT} {_DIFFERS}"  # noqa: S608 - names of ours
_INSERT: Final = f"""
INSERT INTO core.normal ({", ".join(KEY)}, value, first_year, last_year, source, {_CONTENT}, file_name, file_sha256)
SELECT {", ".join(KEY)}, value, %(first_year)s, %(last_year)s, %(source)s, %(licence)s, %(attribution)s,
    %(commercial_use)s, %(redistribute)s, %(file_name)s, %(file_sha256)s
FROM normal_stage AS s
WHERE NOT EXISTS (SELECT FROM core.normal AS n WHERE n.replaced_at IS NULL AND {_SAME}
    AND n.source = %(source)s AND n.first_year = %(first_year)s AND n.last_year = %(last_year)s)
"""  # noqa: S608 - names of ours


class Stored(NamedTuple):
    """How many values were new, how many replaced another one, how many were there already."""

    added: int
    replaced: int
    known: int


def store_normals(
    connection: psycopg2.extensions.connection,
    normals: Sequence[Normal],
    profile: NormalsProfile,
    file_name: str,
    file_sha256: bytes,
) -> Stored:
    """Store a file's normals, all or none of them.

    Parameters
    ----------
    normals
        Each key once.
    profile
        Says who published them, for which years, under which licence.
    file_name, file_sha256
        Where each value came from.
    """
    about = {
        "source": profile.source,
        "first_year": profile.first_year,
        "last_year": profile.last_year,
        "licence": profile.licence.name,
        "attribution": profile.licence.attribution,
        "commercial_use": profile.licence.commercial_use,
        "redistribute": profile.licence.redistribute,
        "file_name": file_name,
        "file_sha256": file_sha256,
    }
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('meteostream.normals'))")
        cursor.execute(_STAGE)
        execute_values(cursor, "INSERT INTO normal_stage VALUES %s", normals)
        cursor.execute(_REPLACE, about)
        replaced = int(cursor.rowcount)
        cursor.execute(_INSERT, about)
        written = int(cursor.rowcount)
    return Stored(written - replaced, replaced, len(normals) - written)
