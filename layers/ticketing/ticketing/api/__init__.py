"""The HTTP side: the frames around operations, requests and bodies, errors as answers, CORS."""
