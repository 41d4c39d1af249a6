"""Quality control: flags, versioned rulesets, and tests as pure functions on columns."""

from meteostream.qc.evaluate import Evaluation, Evaluator
from meteostream.qc.flags import Flag, Test, overall
from meteostream.qc.ruleset import Limits, Ruleset, RulesetError, load_ruleset, parse_ruleset

__all__ = [
    "Evaluation",
    "Evaluator",
    "Flag",
    "Limits",
    "Ruleset",
    "RulesetError",
    "Test",
    "load_ruleset",
    "overall",
    "parse_ruleset",
]
