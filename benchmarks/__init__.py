"""What is timed: always as a ratio against a named peer, measured by turns in the same run."""
