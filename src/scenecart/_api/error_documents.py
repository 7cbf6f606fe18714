"""Error documents of the service: problems, invalid fields, and payments that failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from scenecart._api.operations import whole_number
from scenecart._util.text import clean_text, without_signatures

_KNOWN_MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})
_MAX_FIELDS, _MAX_DEPTH = 50, 8
_HIDDEN = "[secure]"
# a secret of a payment provider has this form under any name
_SECRET_FORM = re.compile(r"[\w-]+_secret_[\w-]+")
_SECRET_NAMES = frozenset({"password", "accesstoken", "refreshtoken", "idtoken", "apikey", "authorization"})
# in the refusal of a payment: a word of letters and digits that is no id; it may open the payment, under any name
_OPAQUE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]{16,}")
_QUERY = re.compile(r"(https?://[^\s?#]+)[?#]\S*")


@dataclass(frozen=True)
class Problem:
    """An error document of the service: RFC 7807, or a list of invalid fields."""

    type: str = ""
    title: str = ""
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The most specific explanation: the fields, else the detail, else the title."""
        if self.fields:
            return clean_text("; ".join(f"{name}: {message}" if name else message for name, message in self.fields[:5]))
        return self.detail or self.title

    def shown(self, *, is_payment: bool = False) -> dict[str, Any]:
        """Return the document without secrets, such as the one that opens a payment.

        Parameters
        ----------
        is_payment
            Whether it refuses a payment: then values that look like secrets are hidden under any name, as are queries of URLs.
        """
        secrets = tuple(value for value in _secrets_in(self.extra) if value)
        rest = _without_secrets(dict(self.extra), secrets)
        if is_payment:
            rest = _without_opaque_words(rest)
        return {"type": self.type, "title": self.title, "detail": self.text, **rest}


def without_secrets(document: Any) -> Any:
    """Return a document of the service without secrets and signatures of URLs, to be kept on disk."""
    return _without_signatures(_without_secrets(document, tuple(value for value in _secrets_in(document) if value)))


def parse_problem(document: Any) -> Problem:
    """Read an error document in any of the service's formats; never fails."""
    if not isinstance(document, Mapping):
        return Problem()
    secrets = tuple(value for value in _secrets_in(document) if value)
    detail, nested_error = document.get("detail"), document.get("error")
    listed = (
        detail
        if isinstance(detail, list)
        else next(
            (document[name] for name in _FIELD_LISTS if isinstance(document.get(name), list | Mapping) and document[name]), []
        )
    )
    inner: dict[str, Any] = {}
    text: Any = None if isinstance(detail, list) else detail
    for nested in (nested_error, detail):
        if isinstance(nested, Mapping):
            inner |= {str(name): value for name, value in nested.items() if name not in {"message", "detail", "msg"}}
            text = nested.get("message") or nested.get("detail") or nested.get("msg") or (text if text is not nested else None)

    def clean(value: Any) -> str:
        return _hide(clean_text(value), secrets)

    return Problem(
        type=clean(document.get("type")),
        title=clean(document.get("title") or nested_error),
        detail=clean(text or document.get("error_description") or document.get("message")),
        fields=tuple((clean(name), clean(message)) for name, message in _fields_of(listed)),
        extra={**inner, **{str(name): value for name, value in document.items() if name not in _KNOWN_MEMBERS}},
    )


_FIELD_LISTS = ("errors", "invalid-params", "invalid_params", "violations")


def _fields_of(entries: Any) -> list[tuple[str, str]]:
    """Return the invalid fields of a list of errors, or of a mapping of fields to errors."""
    if isinstance(entries, Mapping):
        pairs = [
            (str(name), message)
            for name, messages in entries.items()
            for message in (messages if isinstance(messages, list) else [messages])
        ]
        return [(name, _field_of(message)[1] or clean_text(str(message))) for name, message in pairs[:_MAX_FIELDS]]
    return [_field_of(entry) for entry in entries[:_MAX_FIELDS]]


def _field_of(entry: Any) -> tuple[str, str]:
    """Return the name of an invalid field, and what is wrong with it."""
    if not isinstance(entry, Mapping):
        return "", clean_text(entry)
    location = next((entry[name] for name in ("loc", "field", "pointer", "path", "name", "param", "source") if entry.get(name)), "")
    if isinstance(location, Mapping):
        location = location.get("pointer") or location.get("parameter") or ""
    if isinstance(location, str) and location.startswith(("/", "#/")):
        location = location.lstrip("#").strip("/").split("/")
    parts = [str(part) for part in location] if isinstance(location, list) else [str(location)]
    message = next(
        (entry[name] for name in ("msg", "message", "detail", "reason", "error", "title") if isinstance(entry.get(name), str)), ""
    )
    allowed = _allowed_values(entry)
    if allowed and not all(value in message for value in allowed):
        message = f"{message.rstrip('.')} (allowed: {', '.join(allowed)})"
    return clean_text(".".join(part for part in parts if part != "body")), clean_text(message)


def _allowed_values(entry: Mapping[str, Any]) -> list[str]:
    """Return the values that a field may have, where an error lists them."""
    context = entry.get("ctx")
    for listing in (entry, context if isinstance(context, Mapping) else {}):
        for name in ("allowed", "allowed_values", "allowedValues", "enum", "enum_values", "permitted", "expected"):
            values = listing.get(name)
            if isinstance(values, str) and values:
                return [clean_text(values)]
            if isinstance(values, list) and values and all(isinstance(value, str | int | float) for value in values):
                return [clean_text(str(value)) for value in values[:_MAX_FIELDS]]
    return []


def _secrets_in(document: Any, depth: int = 0) -> Iterator[str]:
    """Yield the secret strings of a document, at any depth: those of a payment first."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(document, Mapping):
        for name, value in document.items():
            if isinstance(value, str) and _is_secret_name(str(name)):
                yield value
        for value in document.values():
            yield from _secrets_in(value, depth + 1)
    elif isinstance(document, list):
        for value in document[:_MAX_FIELDS]:
            yield from _secrets_in(value, depth + 1)


def _is_secret_name(name: str) -> bool:
    plain = re.sub(r"[^a-z]", "", name.lower())
    return plain.endswith("secret") or plain in _SECRET_NAMES


def _is_payment_secret_name(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith("clientsecret")


def _without_secrets(value: Any, secrets: tuple[str, ...], depth: int = 0) -> Any:
    """Return a value without its secrets, under any name and inside other texts; what is nested too deeply is left out."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {
            name: _without_secrets(inner, secrets, depth + 1) for name, inner in value.items() if not _is_secret_name(str(name))
        }
    if isinstance(value, list):
        return [_without_secrets(inner, secrets, depth + 1) for inner in value]
    return _hide(value, secrets) if isinstance(value, str) else value


def _without_signatures(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_signatures(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_signatures(inner) for inner in value]
    return without_signatures(value) if isinstance(value, str) else value


def _without_opaque_words(value: Any, name: str = "") -> Any:
    """Return a value without what may be a secret by its form: ids and plain words stay."""
    if isinstance(value, Mapping):
        return {key: _without_opaque_words(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_opaque_words(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if _OPAQUE.fullmatch(value) and not _plain(name).endswith("id"):
        return _HIDDEN
    return _QUERY.sub(rf"\1?{_HIDDEN}", value)


def _hide(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return _SECRET_FORM.sub(_HIDDEN, text)


class PaymentKind(Enum):
    """The reasons why the service cannot charge."""

    CONFIRMATION = "3-D Secure"
    CREDITS = "too few credits"
    DECLINED = "card declined"
    NO_CARD = "no card"
    OTHER = "other"


@dataclass(frozen=True)
class PaymentProblem:
    """The fields of a 402 response.

    Attributes
    ----------
    kind
        Why the service cannot charge.
    required_credits, balance_credits
        The price and the balance.
    decline_code
        The bank's reason.
    client_secret
        The secret that opens the payment.
    challenge_url
        The page that confirms the payment, unchecked.
    """

    kind: PaymentKind
    required_credits: int | None
    balance_credits: int | None
    decline_code: str | None
    client_secret: str = field(repr=False)
    challenge_url: Any = field(repr=False)


def payment_problem(problem: Problem) -> PaymentProblem:
    """Read the fields of a 402 response, under any of the names that services use."""
    secret = _find(problem.extra, _is_payment_secret_name)
    required, balance = _credits(problem.extra, _REQUIRED), _credits(problem.extra, _BALANCE)
    decline = _find(problem.extra, lambda name: _plain(name) == "declinecode")
    return PaymentProblem(
        kind=_payment_kind(problem, secret, has_credits=not (required is None and balance is None), is_declined=bool(decline)),
        required_credits=required,
        balance_credits=balance,
        decline_code=clean_text(decline, 80) or None,
        client_secret=secret or "",
        challenge_url=_find(problem.extra, lambda name: _plain(name) in _CHALLENGE),
    )


_REQUIRED, _BALANCE = frozenset({"requiredcredits"}), frozenset({"balancecredits", "availablecredits"})
_CHALLENGE = frozenset({"challengeurl", "redirecttourl", "nextactionurl", "authenticationurl"})
_CODES = ("code", "reason", "error_code", "errorCode", "error", "kind", "status", "payment_status", "paymentStatus")
# words of the type, title, detail and code of a 402, with "-" for each space and underscore; the first kind that fits counts
_CONFIRMATION: tuple[str, ...] = (
    "requires-action",
    "requires-source-action",
    "requires-confirmation",
    "action-required",
    "additional-action",
    "authentication-required",
    "authentication-needed",
    "3d-secure",
    "3-d-secure",
    "3ds",
    "sca-required",
)
_DECLINED: tuple[str, ...] = (
    "declin",
    "do-not-honor",
    "do-not-honour",
    "issuer",
    "card-refused",
    "card-error",
    "expired-card",
    "card-expired",
    "incorrect-cvc",
    "lost-card",
    "stolen-card",
    "card-has-insufficient",
    "card-not-accepted",
    "transaction-refused",
)
_NO_CARD: tuple[str, ...] = (
    "payment-method",
    "no-card",
    "card-required",
    "card-is-required",
    "card-missing",
    "missing-card",
    "attach-a-card",
    "add-a-card",
    "no-funding",
    "funding-source",
    "way-to-pay",
    "no-default-card",
    "no-saved-card",
)
_CREDITS = ("insufficient", "balance", "not-enough", "too-few-credits", "out-of-credits", "top-up", "topup", "no-credits")


def _payment_kind(problem: Problem, secret: str | None, *, has_credits: bool, is_declined: bool) -> PaymentKind:
    if secret:
        return PaymentKind.CONFIRMATION
    if has_credits:
        return PaymentKind.CREDITS
    # a bank may decline for insufficient funds
    if is_declined:
        return PaymentKind.DECLINED
    codes = [problem.extra[name] for name in _CODES if isinstance(problem.extra.get(name), str)]
    text = re.sub(r"[\s_]+", "-", " ".join([problem.type, problem.title, problem.detail, *codes]).lower())
    if "insufficient" in text and not any(word in text for word in _DECLINED):
        return PaymentKind.CREDITS
    for kind, words in (
        (PaymentKind.CONFIRMATION, _CONFIRMATION),
        (PaymentKind.DECLINED, _DECLINED),
        (PaymentKind.NO_CARD, _NO_CARD),
        (PaymentKind.CREDITS, _CREDITS),
    ):
        if any(word in text for word in words):
            return kind
    return PaymentKind.OTHER


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _credits(extra: Mapping[str, Any], names: frozenset[str]) -> int | None:
    return next((whole_number(value) for name, value in extra.items() if _plain(name) in names), None)


def _find(document: Any, is_wanted: Any, depth: int = 0) -> str | None:
    """Return the first string under a wanted name, the outermost first."""
    if depth > _MAX_DEPTH or not isinstance(document, Mapping):
        return None
    for name, value in document.items():
        if isinstance(value, str) and value and is_wanted(str(name)):
            return value
    return next((found for value in document.values() if (found := _find(value, is_wanted, depth + 1)) is not None), None)


def missing_scope(problem: Problem) -> Any:
    """Return the missing scope that a 403 response names, unchecked, or None."""
    return problem.extra.get("required_scope") or problem.extra.get("missing_scope")
