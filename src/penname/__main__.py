"""`python -m penname` and `torchrun -m penname`: the same as `penname`."""

from penname.cli import main

if __name__ == "__main__":
    main()
