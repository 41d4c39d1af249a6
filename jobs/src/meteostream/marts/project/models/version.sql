select {{ var('version') }}::bigint as version, {{ as_of() }}::timestamptz as as_of, now() as built_at
