"""Walks: interpolation, traversal and the manifold, live."""
