"""Alerts: rules on observations, one event an episode, and drafts of warnings in CAP 1.2.

Warnings belong to the authority. What rules make are drafts (status Draft, scope Private, no sender); one becomes a
public warning by a named forecaster's approval, if the operator has configured a sender and switched publishing on.
Every step is in a journal that only grows. ``docs/alerts.md`` explains all of it.
"""
