"""Monitors, one per stream kind: batches of events in, alerts and features out."""
