"""A hospital day in fast motion against the running site, and the proof afterwards that nothing went wrong in it."""
