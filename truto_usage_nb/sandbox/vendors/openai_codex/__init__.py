"""OpenAI: Codex analytics of a workspace, and usage and costs of an API organisation, one UTC day an ask."""
