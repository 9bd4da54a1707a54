@_exported import ContextBaggage
@_exported import SemanticConventions

// What users of the SDK name in their own code comes with it.
@_exported import struct OTLP.SpanID
@_exported import struct OTLP.TraceID
