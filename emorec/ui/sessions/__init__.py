"""The data of each session: its files, its jobs and lists, and the results that a program may ask for again."""
