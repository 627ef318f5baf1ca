"""A run's numbers in the files of other benchmarks; reads the store alone."""
