"""How fast and how small zc.zk is: beside kazoo and a bare socket, on the same real server."""
