"""Loaders of real files: other units, names and customs end here."""
