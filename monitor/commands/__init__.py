"""The commands that have commands of their own, one module each, and the options that several share."""
