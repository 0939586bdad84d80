"""Cells from numbers: pictures, curves, maps and marks as text, without a screen."""
