"""A ZooKeeper server in pure Python, for development and tests.

`core` is the server without sockets, clock or dice; `net` gives it sockets, `folder` a memory on
disk. It shares only the codec with the client, so that each is a witness of what the other does.
"""
