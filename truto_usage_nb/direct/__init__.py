"""The direct door: a client whose service is the vendors' own APIs, asked with the caller's own keys."""
