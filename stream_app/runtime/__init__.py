"""The Faust app: batch delivery, agents, dead letters."""
