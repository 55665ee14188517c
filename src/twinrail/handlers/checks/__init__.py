"""One rule a file, without side effects."""
