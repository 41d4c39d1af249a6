"""MeteoStream's jobs: weather reports from the station to the lake and the warehouse.

Pure parts (contract, quality control, simulator, loaders, registry) run without a cluster; adapters to
Kafka, HDFS and PostgreSQL are at the edge. The command line is :mod:`meteostream.cli`.
"""

__version__ = "0.1.0"
