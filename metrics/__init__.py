"""Metrics: one module per metric, named as the paper names it (see base.py for the contract)."""
