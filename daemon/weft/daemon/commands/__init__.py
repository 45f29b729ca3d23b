"""The commands of ``weft``: their options, and what they do with little else.

One module for each noun, imported when one of its commands is used. Each imports click
and nothing of weight at the top, so that ``weft COMMAND --help`` answers at once. Long
work stands beside this package in ``*_command`` modules.
"""
