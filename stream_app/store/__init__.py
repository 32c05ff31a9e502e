"""Readers and writers of Redis: alerts, features, checkpoints."""
