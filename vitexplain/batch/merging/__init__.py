"""One table of the records in parts, shards, folders and tables; nothing is held in memory but one number an image."""
