"""Confluent Cloud."""
