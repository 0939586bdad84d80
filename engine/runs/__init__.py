"""Runs as a whole: trained here, attached to, stored, resumed.

The threads that own a model, and the socket by which other processes ask them.
"""
