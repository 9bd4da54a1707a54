// What the helpers take and give comes with them: names of operations and providers, attribute keys, baggage.
@_exported import ContextBaggage
@_exported import SemanticConventions
