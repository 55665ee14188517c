"""`python -m twinrail`: the command line."""

from twinrail.cli import main

if __name__ == "__main__":
    main()
