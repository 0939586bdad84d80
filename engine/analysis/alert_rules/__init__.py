"""Rules that raise alerts from a run's metrics alone: no model, no torch, no files.

`watch` has the one way in, for a run that goes on and for one that is over; `rule` what a rule is;
the others the rules, by what they look at. Thresholds are tested on recorded runs.
"""
