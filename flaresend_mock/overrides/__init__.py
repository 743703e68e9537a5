"""What programs load under `flaresend-mock run`, one file for each language that needs more than variables.

environment.py copies the files into a folder. They read FLARESEND_MOCK_REDIRECT, and import nothing of this package.
"""
