"""What gives the protocol its sockets, clocks and threads."""
