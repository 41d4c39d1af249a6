"""Climate products as pure functions on series; nothing here reads or writes, and nothing needs Spark.

A series is consecutive days or months with NaN where there is no value (:mod:`meteostream.climate.series`). What may be
missing is a named rule that is stored with each result (:mod:`meteostream.climate.completeness`); missing is never dry,
never zero. Which results a changed value reaches is declared in :mod:`meteostream.climate.catalogue`.
``docs/climate.md`` has a section a product, with its source.
"""
