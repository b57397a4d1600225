"""What drives reading, explaining and writing across machines: one engine a file."""
