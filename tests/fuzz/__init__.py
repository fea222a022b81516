"""Fuzzing of everything that reads bytes from outside: recorded answers are damaged, and what is made of them is judged.

An oracle of its own reads the damaged bytes (``plain``), so that a parser cannot agree with itself.
"""
