"""Pictures of a model: what answers the requests of `engine.views`.

Knows `engine.model`; draws from random streams of its own, so that looking changes nothing.
"""
