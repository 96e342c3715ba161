"""Programs and suites that nobody here wrote, on a stock client of a cluster of real processes."""
