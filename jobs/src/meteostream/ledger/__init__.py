"""The ledger: whether every journalled report has an end, and only one.

It shares no code with what it checks. It reads three witnesses by itself: the producers' journals (their documented
file format), the warehouse (SQL), and bronze (Iceberg's own metadata and Parquet files). Nothing here imports the
contract, the outbox, the streams or the writers.
"""
