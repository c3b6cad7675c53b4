"""How fast it is, where the time goes and what memory it takes: ``make bench``."""
