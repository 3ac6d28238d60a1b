"""Judge observations with pytest: a pure function from what was seen to a report."""
