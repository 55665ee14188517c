"""One file for each kind of message: what it does to the ledger."""
