"""Monitors: one a stream kind; a batch of events in, findings out."""
