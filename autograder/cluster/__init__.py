"""Observe on more than one machine: the sandbox's runs, sent to the workers of a Dask cluster.

Only bytes travel, and nothing that says what is right: no check, no expected value, no key. What
comes back is read as suspiciously as what comes from a sandbox. `connection` alone knows Dask.
"""
