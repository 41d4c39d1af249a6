-- Climate products, computed from gold's days as a whole ('meteostream climate compute') and kept by version.
--
-- gold.climate   every version of every value; the current one has no replaced_at

CREATE TABLE gold.climate (
    station      text COLLATE "C" NOT NULL,
    nature       text COLLATE "C" NOT NULL CHECK (nature IN ('observed', 'simulated', 'replayed')),
    product      text COLLATE "C" NOT NULL,
    element      text COLLATE "C" NOT NULL,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    value        double precision CHECK (value <> 'NaN'),
    known        integer NOT NULL CHECK (known >= 0),
    expected     integer NOT NULL CHECK (expected > 0),
    rule         text COLLATE "C" NOT NULL,
    sureness     text COLLATE "C" CHECK (sureness IN ('confirmed', 'provisional', 'uncertain', 'none')),
    detail       jsonb,
    version      integer NOT NULL CHECK (version > 0),
    computed_at  timestamptz NOT NULL DEFAULT now(),
    replaced_at  timestamptz,
    CHECK (first_day <= last_day),
    PRIMARY KEY (station, product, element, first_day, last_day, nature, version)
);
CREATE UNIQUE INDEX climate_current ON gold.climate (station, product, element, first_day, last_day, nature)
    WHERE replaced_at IS NULL;
CREATE INDEX ON gold.climate (product, first_day) WHERE replaced_at IS NULL;

COMMENT ON TABLE gold.climate IS 'Climate products of gold''s days (docs/climate.md); read those without replaced_at.';
COMMENT ON COLUMN gold.climate.value IS 'In the product''s unit; onset and cessation are days of the year. Null: there is none (yet).';
COMMENT ON COLUMN gold.climate.rule IS 'What was done, and the rules of the days behind it.';
COMMENT ON COLUMN gold.climate.replaced_at IS 'When another version, or none, took its place.';

GRANT SELECT, INSERT, UPDATE ON gold.climate TO pipeline;
GRANT SELECT ON gold.climate TO reader;
