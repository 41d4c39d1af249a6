"""Collecting from the network: one HTTP layer for all, and a small module a source.

A collector asks and translates; it neither stores nor sends. What it yields goes through the outbox as everything else
does (:mod:`meteostream.delivery`).
"""
