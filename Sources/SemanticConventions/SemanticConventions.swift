// SemanticConventions
