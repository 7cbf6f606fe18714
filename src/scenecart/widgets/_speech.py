"""What the library says to who writes Python, said to who clicks: buttons and fields for calls and keywords.

A test holds ``PHRASES`` against every message in the source: nothing stands in it that no message says any more.
"""

from __future__ import annotations

PHRASES: tuple[tuple[str, str], ...] = (
    ("A search needs collections, ids, or both", "A search needs collections"),
    ('Pass collections=["…"]', "Choose some of the host's, or type their names"),
    ("host must be the name of a catalog host, as text", "Say which host"),
    ("Reproject it first: frame.to_crs(4326)", "Reproject it to EPSG:4326 first"),
    ("shapely.make_valid(geometry) repairs it; look at the result", "Repair it first, and look at the result"),
    ("Look at .errors; .priced_cart().estimate() prices the rest", "“Drop what has no price” takes them out"),
    ("Leave them out: captures[captures.orderable]", "Remove them from the cart"),
    (
        "The ids are in this error's .ids; captures[~captures.id.isin(error.ids)] leaves them out",
        "Remove them from the cart",
    ),
    ('Pass place(project="…"), or connect with project=… or SCENECART_PROJECT', "Fill in the project"),
    (
        "The error's .groups shows where, .estimate is today's price: look at it, and place that if it still suits",
        "Today's price is shown: look at it, and order at that if it still suits",
    ),
    (
        "this error's .retry(), placing the same estimate again and client.settle() all use",
        "“Try again”, ordering the same cart again and client.settle() all use",
    ),
    ("To buy it once more, pass again=True", "To buy it once more, call place(again=True) of its estimate in a cell"),
)


def spoken(text: str) -> str:
    """Return what the library says as widgets say it.

    Examples
    --------
    >>> from scenecart.widgets._speech import spoken
    >>> spoken("Nothing was bought again. To buy it once more, pass again=True.")
    'Nothing was bought again. To buy it once more, call place(again=True) of its estimate in a cell.'
    """
    for phrase, said in PHRASES:
        text = text.replace(phrase, said)
    return text
