"""OTLP/JSON read strictly: every name, type and spelling is checked before a value is believed."""

import base64
import re

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
_LONG = {
    Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_FIXED64, Field.TYPE_SFIXED64, Field.TYPE_SINT64,
}  # fmt: skip
_SHORT = {
    Field.TYPE_INT32, Field.TYPE_UINT32, Field.TYPE_FIXED32, Field.TYPE_SFIXED32, Field.TYPE_SINT32, Field.TYPE_ENUM,
}  # fmt: skip


def to_request(document: dict) -> ExportTraceServiceRequest:
    """Reads `{"resourceSpans": [...]}`; anything that OTLP/JSON does not allow raises AssertionError."""
    converted = _message(document, ExportTraceServiceRequest.DESCRIPTOR, "$")
    return json_format.ParseDict(converted, ExportTraceServiceRequest(), max_recursion_depth=1000)


def from_request(request: ExportTraceServiceRequest) -> dict:
    """What a client of OTLP/JSON sends for this request."""
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    _hex_ids(document)
    return document


def _hex_ids(node) -> None:
    if isinstance(node, list):
        for element in node:
            _hex_ids(element)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _IDS and isinstance(value, str):
                node[name] = base64.b64decode(value).hex()
            else:
                _hex_ids(value)


def _message(document, descriptor, path: str) -> dict:
    assert isinstance(document, dict), f"{path} is no object: {document!r}"
    by_name = {field.json_name: field for field in descriptor.fields}
    result = {}
    for name, value in document.items():
        here = f"{path}.{name}"
        assert name in by_name, f"{here} is no field of {descriptor.full_name}"
        field = by_name[name]
        if field.is_repeated:
            assert isinstance(value, list), f"{here} is no list"
            result[name] = [_value(element, field, f"{here}[{i}]") for i, element in enumerate(value)]
        else:
            result[name] = _value(value, field, here)
    return result


def _value(value, field, path: str):
    if field.type == Field.TYPE_MESSAGE:
        return _message(value, field.message_type, path)
    if field.json_name in _IDS and field.type == Field.TYPE_BYTES:
        digits = _IDS[field.json_name]
        assert value == "" or re.fullmatch(f"[0-9a-f]{{{digits}}}", value), f"{path} is no hex id: {value!r}"
        return base64.b64encode(bytes.fromhex(value)).decode()
    if field.type in _LONG:
        assert isinstance(value, str) and re.fullmatch(r"-?\d+", value), f"{path} is no decimal string: {value!r}"
    elif field.type in _SHORT:
        assert type(value) is int, f"{path} is no integer: {value!r}"
    elif field.type == Field.TYPE_DOUBLE:
        assert type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity"), f"{path}: {value!r}"
    elif field.type == Field.TYPE_BOOL:
        assert type(value) is bool, f"{path} is no boolean: {value!r}"
    else:
        assert isinstance(value, str), f"{path} is no string: {value!r}"
    if field.type == Field.TYPE_BYTES:
        base64.b64decode(value, validate=True)
    return value
