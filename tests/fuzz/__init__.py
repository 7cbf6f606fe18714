"""Fuzzing with millions of inputs: `make fuzz-million`.

A target generates an input from a number and checks what happens with it. The engine runs the numbers, watches for crashes,
hangs and memory growth, and writes failing inputs to files. The same seed and number give the same input, on any machine and
with any number of workers.
"""
