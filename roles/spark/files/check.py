"""A small job on the cluster: count, compute in Python on an executor, write Parquet to HDFS and read it back."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

ROWS = 10_000


def main(folder: str) -> int:
    """Run the job in `folder` (an HDFS path of this check alone) and print what came out of it."""
    spark = SparkSession.builder.appName("meteo-check").getOrCreate()
    try:
        square = f.udf(lambda value: value * value, "long")
        spark.range(ROWS).select("id", square("id").alias("square")).write.mode("overwrite").parquet(folder)
        count, total = spark.read.parquet(folder).agg(f.count("*"), f.sum("square")).first() or (None, None)
        expected = (ROWS - 1) * ROWS * (2 * ROWS - 1) // 6
        path = spark._jvm.org.apache.hadoop.fs.Path(folder)  # type: ignore[union-attr]
        path.getFileSystem(spark._jsc.hadoopConfiguration()).delete(path, True)
    finally:
        spark.stop()
    if (count, total) != (ROWS, expected):
        print(f"expected {ROWS} rows that sum to {expected}, found {count} that sum to {total}")
        return 1
    print(f"meteo-check: {count} rows, sum {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
