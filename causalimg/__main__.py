"""Run the command line as ``python -m causalimg``."""

from causalimg.cli import main

main()
