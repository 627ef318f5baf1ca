"""Data sets: one module or folder per data set (see base.py for the contract)."""
