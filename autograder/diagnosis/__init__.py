"""Why a check failed: pure functions of observations. Runs no student code, gives no points."""
