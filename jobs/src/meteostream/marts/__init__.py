"""The marts: built by dbt in a schema of their own, judged by a gate, then served in one step."""
