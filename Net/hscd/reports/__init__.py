"""Reports: numbers first, then tables and maps of them."""
