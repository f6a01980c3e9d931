"""The protocol client without any I/O: told the time and given bytes, it says what to send and when to call again."""
