"""The executor of Cenote's scheduler: the process that reads what only Python can read. Runs without Cenote."""
