"""Screens, a folder each: what only one screen uses lives with it.

`base` is what all screens of a run share; `dialogs` ask a person something.
"""
