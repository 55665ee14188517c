"""Acquirers, networks, clearing houses, recordings and the worlds they live in."""
