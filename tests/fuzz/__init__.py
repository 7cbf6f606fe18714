"""Inputs by the million, and what may come of them: `make fuzz-million`.

A target makes an input of a number and says what came of it. The engine runs numbers, watches for crashes, hangs and growth,
and writes down what failed. The same seed and number are the same input, on any machine and with any number of workers.
"""
