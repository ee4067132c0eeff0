"""HTTP: the frames of operations, requests and bodies, error responses, CORS."""
