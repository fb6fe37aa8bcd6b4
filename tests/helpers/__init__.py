"""What several test files build, play or measure with."""
