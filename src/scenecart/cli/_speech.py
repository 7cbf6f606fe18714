"""What the library says to who writes Python, said to who types commands: options for keywords, commands for calls.

``PHRASES`` and ``PATTERNS`` are the one table of it. A test reads every message in the source, and none comes out as Python.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# In this order: what holds another comes before it.
PHRASES: tuple[tuple[str, str], ...] = (
    # how to connect
    ('scenecart.connect("sandbox")', "--profile sandbox"),
    ("pass credentials to scenecart.connect", "set SCENECART_TOKEN"),
    ("Pass username= and password= instead", "Set SCENECART_USERNAME and SCENECART_PASSWORD instead"),
    ('Pass place(project="…"), or connect with project=… or SCENECART_PROJECT', "Pass --project, or set SCENECART_PROJECT"),
    ("pass base_url=", "pass --base-url"),
    # what can be bought, and what was
    ("this error's .retry(), placing the same estimate again", "placing the same file again"),
    (
        "The error's .groups shows where, .estimate is today's price: look at it, and place that if it still suits",
        "Run it again: it shows today's price",
    ),
    ("Look at .errors; .priced_cart().estimate() prices the rest", "`scenecart estimate` says which and why; leave them out"),
    ("The reasons are in this estimate's .errors", "`scenecart estimate` says why"),
    (
        "The ids are in this error's .ids; captures[~captures.id.isin(error.ids)] leaves them out",
        "Leave them out of the file",
    ),
    ("Leave them out: captures[captures.orderable]", "Leave them out of the file"),
    ("Make it with client.cart(captures, aoi)", "Pass what `scenecart search -o` wrote"),
    ("Pass rows of client.search(…)", "Pass what `scenecart search -o` wrote"),
    ("A cart is what cart.save(…) wrote", "A cart is what --save wrote"),
    ("read its captures with geopandas and make a cart of them", "estimate its captures anew"),
    ("Filter them first: scenecart.filter(captures, cloud_cover=20, off_nadir=25)", "Take fewer: --max-cloud-cover 20"),
    ("; see this error's .captures", "; none is kept"),
    ("again=True", "--again"),
    # commands
    ("client.settle(send=False)", "`scenecart settle --look`"),
    ("client.settle()", "`scenecart settle`"),
    ("client.placements()", "`scenecart placements`"),
    ("client.orders()", "`scenecart orders`"),
    ("client.balance()", "`scenecart login-status`"),
    ("client.order(id)", "`scenecart order ID`"),
    ("order.wait()", "`scenecart order ID --wait`"),
    ("order.cancel()", "`scenecart cancel ID`"),
    # areas
    ("a path, a GeoDataFrame, a shapely geometry, GeoJSON, WKT, or (west, south, east, north)", "a file, WKT or GeoJSON"),
    ("shapely.make_valid(geometry) repairs it; look at the result", "Repair it first, and look at the result"),
    ("Reproject it first: frame.to_crs(4326)", "Reproject it to EPSG:4326 first"),
    ("(west, south, east, north)", "west,south,east,north"),
    # options
    ("Give aoi, bbox or intersects", "Give --aoi or --bbox"),
    ("A search needs collections, ids, or both", "A search needs --collections, --ids, or both"),
    ('Pass collections=["…"]', "Such as --collections aurora-50cm"),
    ('("2024-01-01", None) or a datetime', "2024-01-01/.."),
)
PATTERNS = (
    (re.compile(r"client\.order\('([^']*)'\)\.wait\(\)"), r"`scenecart order \1 --wait`"),
    (re.compile(r"query\[('[^']*'|\"[^\"]*\")\]"), r"--query's \1"),
    (re.compile(r'\b([a-z]+)="(\w+)"'), r"--\1 \2"),
)
# no part of an address, a file's name or a quotation
_NAME = re.compile(r"(?<![\w./'\"`:?&=-])[a-z]+(?:_[a-z]+)*(?![\w/'\"`-]|\.\w)")


def spoken(text: str, options: Collection[str]) -> str:
    """Return what the library says as the command line says it.

    Parameters
    ----------
    text
        A message, a hint or a warning.
    options
        What can be typed, such as ``"--max-credits"``.

    Examples
    --------
    >>> from scenecart.cli._speech import spoken
    >>> spoken("max_credits allows 5. Place it again, or call client.settle().", ["--max-credits"])
    '--max-credits allows 5. Place it again, or call `scenecart settle`.'
    """
    for pattern, said in PATTERNS:
        text = pattern.sub(said, text)
    for phrase, said in PHRASES:
        text = text.replace(phrase, said)
    return _NAME.sub(lambda found: _option(found, options), text)


def _option(found: re.Match[str], options: Collection[str]) -> str:
    """Return the option that is meant: by a name of several words anywhere, by one of one word where a line begins with it."""
    name = f"--{found[0].replace('_', '-')}"
    return name if name in options and ("_" in found[0] or found.start() == 0) else found[0]
