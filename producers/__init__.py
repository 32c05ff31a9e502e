"""Sources, drift injection and pacing: replays of recorded and simulated streams into Kafka."""
