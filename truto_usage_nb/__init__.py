"""Usage and cost of five services as dataframes."""
