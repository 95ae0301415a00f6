"""The best peers at the same job, measured in the same run: BullMQ on Node, and Prometheus' Alertmanager in Go."""
