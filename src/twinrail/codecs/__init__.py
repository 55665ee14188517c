"""Pure functions between bytes, messages and instructions."""
