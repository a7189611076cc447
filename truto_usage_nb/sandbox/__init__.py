"""The embedded service: seeded data of all five integrations behind the real wire."""
