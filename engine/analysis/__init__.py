"""Slow work on what models gave: projections, mixtures, neighbours, comparisons.

Needs no model, only numbers: it runs here or in a helper process.
"""
