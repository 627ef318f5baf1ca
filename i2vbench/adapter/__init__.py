"""Making a model adapter, and holding it to the contract."""
