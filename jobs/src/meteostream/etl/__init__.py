"""The batch ETL: bronze to silver (every event once) to gold (best of sources, days, dekads, months, availability)."""
