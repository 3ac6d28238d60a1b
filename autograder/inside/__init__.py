"""What runs inside the sandbox: the shell, the snapshots, the probes. Knows nothing of points."""
