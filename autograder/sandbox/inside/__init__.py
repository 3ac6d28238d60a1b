"""The part of the sandbox that runs inside it; imports nothing of the host's side."""
