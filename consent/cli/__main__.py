"""`python -m consent.cli`: the command line where the script `consentry` is not on the path."""

from consent.cli import main

if __name__ == "__main__":
    main()
