"""Numbers in, numbers out: statistics that are true in any company, of any data."""
