// SkeinAgents
