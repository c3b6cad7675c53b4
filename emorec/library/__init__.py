"""A library of results: the tables of many recordings, read and asked about together."""
