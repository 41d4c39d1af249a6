{{ config(materialized='ephemeral') }}
-- When values of a source may be passed on: its licence of the time allows it, and so does its present one.
select s.source, s.valid_from, s.valid_to
from {{ source('dim', 'source') }} as s
where
    s.redistribute
    and exists (
        select from {{ source('dim', 'source') }} as p
        where p.source = s.source and p.redistribute and {{ as_of() }} >= p.valid_from and {{ as_of() }} < p.valid_to
    )
