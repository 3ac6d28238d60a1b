"""Prove an assignment before its release, by what right and wrong solutions of it get."""
