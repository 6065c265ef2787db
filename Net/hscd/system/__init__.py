"""What all parts share: errors, messages, files, memory, threads, processes."""
