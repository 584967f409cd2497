"""``python -m bicross``: the command line, for launchers that start a module, such as ``torchrun -m bicross``."""

import sys
from importlib import import_module

if __name__ == "__main__":
    sys.exit(import_module("bicross.pipelines.commands.app").main())
