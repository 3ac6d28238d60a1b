"""Write what was judged where nbgrader looks for it. Nothing of nbgrader's leaves this package."""
