"""Everything that touches Dagster, files, sockets, connections or the clock."""
