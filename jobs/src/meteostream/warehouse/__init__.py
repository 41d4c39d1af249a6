"""The PostgreSQL warehouse: schema, connections, and the batch that makes every message count once."""
