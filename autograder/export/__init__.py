"""Turn a gradebook's grades into files for other programs. Pure: no database, no nbgrader."""
