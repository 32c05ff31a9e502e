"""The statistics: windows, tests, drift, anomaly, quality and alert policy. No IO, no clock."""
