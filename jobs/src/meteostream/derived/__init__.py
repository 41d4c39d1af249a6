"""Derived values: formulas of meteorology and agronomy, as pure functions on arrays.

Every parameter and function that has a unit names it. Arguments are numbers or arrays of any shape and are broadcast;
results are arrays of 64-bit floats (0-dimensional for numbers). NaN is a missing value: a result for which an argument
is missing, infinite, or outside what the formula was made for, is NaN, never a wrong number and never a warning.
``docs/derived.md`` has a section a formula, with its source and with what it was compared.
"""
