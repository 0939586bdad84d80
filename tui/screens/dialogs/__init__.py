"""Dialogs: a question or a form, and its answer."""
