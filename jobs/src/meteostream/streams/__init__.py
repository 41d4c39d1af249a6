"""The two streaming queries: Kafka to the warehouse, Kafka to the lake. One validation, independent positions."""
