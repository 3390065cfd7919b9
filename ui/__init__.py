"""The window: PyQt6, one widget per file, one controller that knows both the widgets and the running program."""
