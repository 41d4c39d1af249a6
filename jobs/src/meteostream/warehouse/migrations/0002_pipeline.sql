-- Schema pipeline (made by the migration runner): what was done, so that nothing counts twice and a loss shows.

CREATE TABLE pipeline.batch (
    query          text NOT NULL,
    run            uuid NOT NULL,
    batch_id       bigint NOT NULL,
    epoch          bigint NOT NULL DEFAULT 0,
    attempts       integer NOT NULL DEFAULT 1,
    received       bigint NOT NULL,
    known          bigint NOT NULL,
    accepted       bigint NOT NULL,
    duplicate      bigint NOT NULL,
    superseded     bigint NOT NULL,
    dead           bigint NOT NULL,
    seconds        double precision NOT NULL,
    committed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (query, run, batch_id),
    CONSTRAINT every_row_has_one_end CHECK (received = known + accepted + duplicate + superseded + dead)
);
CREATE INDEX ON pipeline.batch USING brin (committed_at);
COMMENT ON COLUMN pipeline.batch.run IS 'Id of the checkpoint: batch ids begin again with a new one.';
COMMENT ON COLUMN pipeline.batch.epoch IS 'Fence between drivers: the one that wrote the batch.';
COMMENT ON COLUMN pipeline.batch.known IS 'Rows below stream_offset.next_offset: counted by an earlier batch.';

CREATE TABLE pipeline.batch_hour (
    query      text NOT NULL,
    hour       timestamptz NOT NULL,
    accepted   bigint NOT NULL,
    duplicate  bigint NOT NULL,
    superseded bigint NOT NULL,
    dead       bigint NOT NULL,
    PRIMARY KEY (query, hour)
);
COMMENT ON TABLE pipeline.batch_hour IS
    'How every input offset ended, by hour of received_at (of Kafka''s timestamp where a dead letter has none).';

CREATE TABLE pipeline.stream_offset (
    query          text NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    first_offset   bigint NOT NULL,
    next_offset    bigint NOT NULL,
    missing        bigint NOT NULL DEFAULT 0,
    last_timestamp timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (query, topic, partition),
    CHECK (first_offset <= next_offset)
);
COMMENT ON TABLE pipeline.stream_offset IS
    'Position of a query, moved in the transaction that writes the rows; the checkpoint may be older or gone.';
COMMENT ON COLUMN pipeline.stream_offset.missing IS 'Offsets that were skipped: Kafka never delivered them.';
COMMENT ON COLUMN pipeline.stream_offset.last_timestamp IS 'Kafka''s timestamp of the record before next_offset.';

CREATE TABLE pipeline.dead_letter (
    topic           text NOT NULL,
    partition       integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    kafka_timestamp timestamptz NOT NULL,
    hour            timestamptz NOT NULL,
    journal_id      bytea,
    reason          text NOT NULL,
    detail          text NOT NULL,
    key             bytea,
    value           bytea,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    replays         integer NOT NULL DEFAULT 0,
    replayed_at     timestamptz,
    PRIMARY KEY (topic, partition, kafka_offset)
);
CREATE INDEX ON pipeline.dead_letter (journal_id) WHERE journal_id IS NOT NULL;
CREATE INDEX ON pipeline.dead_letter (hour);
COMMENT ON TABLE pipeline.dead_letter IS 'Messages that broke the contract. Identity: the source offset.';

CREATE TABLE pipeline.ledger_hour (
    hour        timestamptz PRIMARY KEY,
    journal_ids bigint NOT NULL,
    accepted    bigint NOT NULL,
    duplicate   bigint NOT NULL,
    superseded  bigint NOT NULL,
    dead        bigint NOT NULL,
    bronze_rows bigint NOT NULL,
    lost        bigint NOT NULL,
    doubled     bigint NOT NULL,
    closed_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT closed_only_when_whole CHECK (lost = 0 AND doubled = 0)
);
COMMENT ON TABLE pipeline.ledger_hour IS 'Hours whose every journal id is accounted for: the proof outlives retention.';
