"""The web server around the page: addresses, files, sessions, and what one visitor may use."""
