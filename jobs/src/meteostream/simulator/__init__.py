"""Simulated weather, good enough to run the platform on: plausible, deterministic, and never mistaken for real."""

from meteostream.simulator.places import Places, simulated_places
from meteostream.simulator.weather import simulate

__all__ = ["Places", "simulate", "simulated_places"]
