"""What programs may ask for over MCP, by what it is about. doors/mcp_server.py puts the tools together and serves them."""
