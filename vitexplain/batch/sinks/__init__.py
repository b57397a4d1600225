"""Where what a batch found goes: one kind of sink a file, each behind the port in `sink`."""
