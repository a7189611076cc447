"""What is known of each vendor's own API: `<name>.mapping` turns its raw rows into unified records.

Pure functions. Only the sandbox, which serves unified records, and `direct`, which makes them of a vendor's answers,
import them; an answer key never does.
"""
