"""``python -m meteostream``."""

from meteostream.cli import main

if __name__ == "__main__":
    main()
