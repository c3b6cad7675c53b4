"""What belongs to a visitor's session: its files, the results that its programs may ask for again, and its jobs."""
