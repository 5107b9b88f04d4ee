"""Verdicts from reading: a model says how likely a patch solves its issue, in views that are scored apart."""
