"""`python -m i2vbench`: the command line."""

from i2vbench.cli import main

if __name__ == "__main__":
    main()
