"""The machine: a sans-I/O switch at the root, the outside world in the folders."""
