"""The parts of the window; they know neither each other nor the running program."""
