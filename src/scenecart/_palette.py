"""The colours that mean the same wherever they are seen: on maps, in reports and in plots."""

from __future__ import annotations

AREA = "#c2185b"  # the area of interest
BOUGHT = "#0b6e99"  # the ground that is bought
FOOTPRINT = "#7a8aa0"  # a whole footprint
LETTERS, QUIET = "#16202c", "#5b6878"  # words on white paper, and those that stand back
INK = "#6b7a90"  # letters and lines of maps and plots: as clear on white paper as on a dark screen, which is 4.3:1 at most
