"""The wire: what events, alerts and dead letters look like."""
