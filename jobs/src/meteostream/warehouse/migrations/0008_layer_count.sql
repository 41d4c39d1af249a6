-- What the ETL counted in the lake after each run of `etl silver`; the gate `silver` compares the two.
CREATE TABLE pipeline.layer_count (
    counted_at timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
    since      timestamptz NOT NULL,
    bronze     bigint NOT NULL CHECK (bronze >= 0),
    silver     bigint NOT NULL CHECK (silver >= 0)
);
COMMENT ON TABLE pipeline.layer_count IS 'Events that silver has read of bronze since a time of intake, and rows of silver that hold them.';
