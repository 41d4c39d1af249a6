"""Forecasts from the collectors to the warehouse."""
