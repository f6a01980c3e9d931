"""How `zk` reads its arguments: as argparse does, but a mistake is told in one line."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser without the usage text before its errors; the parsers of sub-commands are alike."""

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")
