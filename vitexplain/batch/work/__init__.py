"""What a run has to do, and where it stands: one layout of the output a file, each behind the port in `work`."""
