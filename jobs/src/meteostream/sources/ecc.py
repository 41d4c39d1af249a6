"""ecCodes, imported after what it must not come before; everybody takes it from here.

Its wheels bring libraries of their own, and the first copy of a library serves the whole process. With its SQLite 3.26
there are no STRICT tables; with its Kerberos a psycopg2 that is imported later ends the process by a crash.
"""

import sqlite3  # noqa: F401, I001 - first: see above

import psycopg2  # noqa: F401 - first: see above

import eccodes

__all__ = ["eccodes"]
