"""Many recordings: a folder of results with a manifest, continued by running the same command again."""
