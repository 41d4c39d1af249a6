"""Files of what was observed, for people and for WMO's exchange; each says, or refuses over, its sources' licences.

What is here reads ``core.published`` and ``gold.daily`` alone: forecasts are no observations and have no way in.
"""
