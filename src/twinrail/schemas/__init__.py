"""What messages look like: data only, no behaviour and no I/O."""
