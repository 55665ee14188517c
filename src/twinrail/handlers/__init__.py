"""What each kind of message does, and the checks that decide it."""
