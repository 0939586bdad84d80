"""The networks, their objective, and what both need: devices, images on them, random streams.

Knows the face of `engine` and nothing beside it; no threads, no files.
"""
