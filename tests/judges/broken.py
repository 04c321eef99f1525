"""A module of a plug-in that can't be imported."""

raise ValueError("hunter2")
