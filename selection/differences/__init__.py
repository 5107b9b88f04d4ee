"""Telling apart programs that no test tells apart: by inputs, and by a test that a model is asked for."""
