"""The demonstration behind `make demo`: real requests through the whole service, narrated."""
