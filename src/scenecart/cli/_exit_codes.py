"""Exit codes of the command line, in one table."""

from __future__ import annotations

SUCCESS, FAILED, USAGE_ERROR, UNPAID, UNKNOWN, OWNED, NOT_PRINTED, ORDER_FAILED, NOT_FINISHED, STATE_UNKNOWN = range(10)
INTERRUPTED = 130
# of `watch run` alone, which never orders
NO_NEWS = UNPAID

MEANINGS = {
    SUCCESS: "success",
    FAILED: "failure",
    USAGE_ERROR: "wrong usage; nothing was sent",
    UNPAID: "the service cannot charge, nothing was ordered; or a watch has no news",
    UNKNOWN: "unknown whether an order was placed; run `scenecart settle`",
    OWNED: "captures are owned already; nothing was ordered",
    NOT_PRINTED: "success, but the result could not be printed",
    ORDER_FAILED: "an order that was waited for failed or was cancelled",
    NOT_FINISHED: "an order is not finished after --timeout; it continues",
    STATE_UNKNOWN: "the state of an order is not known after --timeout; it continues",
    INTERRUPTED: "interrupted",
}
