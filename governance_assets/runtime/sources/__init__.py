"""Reading telemetry: files of many shapes in, typed and content-addressed landings out."""
