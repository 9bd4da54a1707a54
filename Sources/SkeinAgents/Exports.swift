// The names of operations and providers, and the attribute keys, come with the helpers that take them.
@_exported import SemanticConventions
