"""Hostile submissions through the real pipeline, and what must hold whatever they do."""
