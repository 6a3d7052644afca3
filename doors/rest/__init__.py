"""The REST door's routes, a module a noun. doors/rest_api.py puts them together."""
