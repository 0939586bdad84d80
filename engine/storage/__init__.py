"""A run on disk: its files, who may write them, and what can be read of a run without its model.

Knows the face of `engine`; files are written whole or grow by whole lines.
"""
