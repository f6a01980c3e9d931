"""The command `zk`."""
