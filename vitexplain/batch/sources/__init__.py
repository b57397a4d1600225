"""Where the pictures of a batch come from: one kind of source a file, each behind the port in `source`."""
