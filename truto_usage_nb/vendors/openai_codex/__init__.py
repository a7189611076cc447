"""OpenAI: the platform's organisations, and Codex in a ChatGPT workspace."""
