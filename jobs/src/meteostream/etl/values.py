"""From events to values: of each report and variable the one that counts, after revisions and decisions.

As in the warehouse, each variable comes from the greatest event (revision, received_at, event_id) that reported it: an
absent variable never overwrites a value, an explicit null does. A person's decision stands above all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.contract.variables import WIDE
from meteostream.qc.flags import Flag

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

REPORT: Final = ("station", "report_id", "source", "report_type", "observed_at")
_NO_TEST: Final = bytearray(2)


def reported_values(events: DataFrame) -> DataFrame:
    """One row an event and reported variable.

    Parameters
    ----------
    events
        Rows of silver.

    Returns
    -------
    The report's columns, nature, revision, received_at, event_id; then variable, value (null = reported missing) and
    QARTOD flag (long variables are not evaluated).
    """
    keys = [*REPORT, "nature", "revision", "received_at", "event_id"]
    wide = F.array(*(_wide(bit) for bit in range(len(WIDE))))
    extra = F.transform(
        F.map_entries(F.from_json("extra", "map<string,double>")),
        lambda entry: F.struct(
            entry["key"].alias("variable"),
            entry["value"].alias("value"),
            F.when(entry["value"].isNull(), int(Flag.MISSING)).otherwise(int(Flag.NOT_EVALUATED)).alias("flag"),
        ),
    )
    nothing = F.array().cast("array<struct<variable:string,value:double,flag:int>>")
    long = F.when(F.col("extra").isNotNull(), extra).otherwise(nothing)
    # Nulls of the array, variables that were not reported, become rows of nulls.
    return events.select(*keys, F.inline(F.concat(wide, long))).where("variable IS NOT NULL")


def _wide(bit: int) -> Column:
    variable = WIDE[bit]
    value = F.col(variable.name).cast("double")
    ran = F.substring("qc_run", 2 * bit + 1, 2) != F.lit(_NO_TEST)
    flag = (
        F.when(value.isNull(), int(Flag.MISSING))
        .when(_bit("qc_failed", bit), int(Flag.FAIL))
        .when(_bit("qc_suspect", bit), int(Flag.SUSPECT))
        .when(ran, int(Flag.PASS))
        .otherwise(int(Flag.NOT_EVALUATED))
    )
    found = F.struct(F.lit(variable.name).alias("variable"), value.alias("value"), flag.alias("flag"))
    return F.when(_bit("reported", bit), found)


def _bit(mask: str, bit: int) -> Column:
    return F.col(mask).bitwiseAND(F.lit(1 << bit)) != 0


def winning_values(values: DataFrame) -> DataFrame:
    """Of each report and variable the value of the greatest event that reported it.

    Parameters
    ----------
    values
        From :func:`reported_values`.
    """
    order = F.struct("revision", "received_at", "event_id")
    chosen = F.struct("source", "report_type", "observed_at", "nature", "value", "flag")
    return (
        values.groupBy("station", "report_id", "variable")
        .agg(F.max_by(chosen, order).alias("chosen"))
        .select("station", "report_id", "variable", "chosen.*")
    )


def decided_values(values: DataFrame, decisions: DataFrame) -> DataFrame:
    """Values after people's decisions.

    Accepted and replaced values pass, a rejected one has failed. A decision about a variable that the report does not
    have waits until it does.

    Parameters
    ----------
    values
        From :func:`winning_values`.
    decisions
        From :func:`meteostream.etl.decisions.in_force`.
    """
    joined = values.join(F.broadcast(decisions), ["report_id", "variable"], "left")
    action = F.col("action")
    return joined.withColumns(
        {
            "value": F.when(action == "replace", F.col("replacement")).otherwise(F.col("value")),
            "flag": F.when((action == "accept") & F.col("value").isNotNull() | (action == "replace"), int(Flag.PASS))
            .when((action == "reject") & F.col("value").isNotNull(), int(Flag.FAIL))
            .otherwise(F.col("flag")),
        }
    ).select(*REPORT, "variable", "nature", "value", "flag")


def effective_values(events: DataFrame, decisions: DataFrame) -> DataFrame:
    """Values that count, one row a report and variable; partitioned by station, as all that follows is.

    Parameters
    ----------
    events
        Rows of silver; of each report all its events.
    decisions
        From :func:`meteostream.etl.decisions.in_force`.
    """
    return decided_values(winning_values(reported_values(events.repartition("station"))), decisions)
