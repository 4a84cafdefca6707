"""The command line: what is typed becomes a call of the desk, what comes back becomes text or JSON."""
