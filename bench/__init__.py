"""What Weft costs, measured: ``python -m bench``; see the README beside this file."""
