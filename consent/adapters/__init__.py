"""One technology a module: it meets one library and the ports, and translates that library's errors once."""
