"""The provisioning interface of the simulated Atria: XML by POST, Basic sign-in, asynchronous changes."""

import base64
import binascii
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from reconcile_app.sandbox.atria_state import AtriaState, CortexRequest, Customer
from reconcile_app.sandbox.gate import Reply, Request
from reconcile_app.sandbox.ledger import Origin

_XML = "application/xml; charset=utf-8"
_FIRST_REQUEST = 45_669


class CortexFault(ValueError):
    """The request cannot be carried out; the text goes to the caller."""


def cortex_reply(state: AtriaState, request: Request, origin: Origin) -> Reply:
    """Answer one request envelope."""
    if not _signed_in(state, request.headers.get("authorization", "")):
        return Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="CortexAPI"'})
    try:
        envelope = fromstring(request.body.decode("utf-8"))
        return _xml(_answer(state, envelope, origin))
    except (CortexFault, ParseError, DefusedXmlException, UnicodeDecodeError) as problem:
        answer = Element("response", version="1.0")
        error = SubElement(answer, "error")
        _text(error, "id", "1")
        _text(error, "message", str(problem))
        return _xml(answer, 500)


def _signed_in(state: AtriaState, header: str) -> bool:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return state.portal_users.get(user) == password


def _answer(state: AtriaState, envelope: Element, origin: Origin) -> Element:
    action = envelope.get("action", "").upper()
    subject = envelope[0] if len(envelope) else Element("nothing")
    answer = Element("response", version="1.0")
    if (action, subject.tag) == ("FIND", "customer"):
        for customer in state.customers.values():
            _customer(answer, customer)
    elif (action, subject.tag) == ("GET", "customer"):
        _full(state, answer, _known(state, subject), properties=subject.find("properties") is not None)
    elif (action, subject.tag) == ("SET", "customer"):
        _set(state, answer, subject, origin)
    elif (action, subject.tag) == ("GET", "request"):
        _poll(state, answer, subject)
    else:
        raise CortexFault(f"The action {action} is not supported for {subject.tag}")
    return answer


def _known(state: AtriaState, subject: Element) -> Customer:
    code = (subject.findtext("name") or "").strip()
    if code not in state.customers:
        raise CortexFault(f"The customer {code} was not found")
    return state.customers[code]


def _customer(parent: Element, customer: Customer) -> Element:
    element = SubElement(parent, "customer")
    for tag, value in (
        ("name", customer.code),
        ("id", str(customer.id)),
        ("fullname", customer.name),
        ("billingid", customer.identifier or ""),
        ("primarydomain", customer.domain),
        ("status", "Provisioned"),
        ("approvalpending", "False"),
    ):
        _text(element, tag, value)
    return element


def _full(state: AtriaState, answer: Element, customer: Customer, *, properties: bool) -> None:
    element = _customer(answer, customer)
    parent = state.customers.get(customer.billed_by)
    if parent is not None:
        above = SubElement(element, "parent")
        for tag, value in (
            ("name", parent.code),
            ("id", str(parent.id)),
            ("fullname", parent.name),
            ("billingid", parent.identifier or ""),
        ):
            _text(above, tag, value)
    if properties:
        listed = SubElement(element, "properties")
        for name, value in (("ShortName", customer.code), ("BillingID", customer.identifier or ""), ("City", customer.city)):
            entry = SubElement(listed, "property")
            _text(entry, "name", name)
            _text(entry, "value", value)
            _text(entry, "readonly", str(name == "ShortName"))


def _set(state: AtriaState, answer: Element, subject: Element, origin: Origin) -> None:
    customer = _known(state, subject)
    for entry in subject.iterfind("properties/property"):
        if (entry.findtext("name") or "").lower() == "billingid":
            try:
                state.set_identifier(customer.code, (entry.findtext("value") or "").strip() or None, origin)
            except ValueError as problem:
                raise CortexFault(str(problem)) from problem
    number = _FIRST_REQUEST + len(state.requests)
    state.requests[number] = CortexRequest(number, f"Provision {customer.code}")
    _text(SubElement(answer, "request"), "id", str(number))


def _poll(state: AtriaState, answer: Element, subject: Element) -> None:
    text = (subject.findtext("id") or "").strip()
    known = state.requests.get(int(text)) if text.isascii() and text.isdigit() else None
    if known is None:
        raise CortexFault(f"The request {text} was not found")
    known.polls += 1
    element = SubElement(answer, "request")
    for tag, value in (
        ("id", text),
        ("type", "Object Provision"),
        ("name", ""),
        ("description", known.description),
        ("status", "InProgress" if known.polls == 1 else "Provisioned"),
    ):
        _text(element, tag, value)


def _text(parent: Element, tag: str, value: str) -> None:
    SubElement(parent, tag).text = value


def _xml(element: Element, status: int = 200) -> Reply:
    body = b'<?xml version="1.0" encoding="utf-8"?>' + tostring(element, encoding="utf-8")
    return Reply(status=status, body=body, content_type=_XML)
