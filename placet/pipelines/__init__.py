"""Each pipeline's door: how what somebody sent becomes a request."""
