"""``python -m ticketcore`` is the command ``ticketcore``."""

from ticketcore.cli.main import main

if __name__ == "__main__":
    main()
