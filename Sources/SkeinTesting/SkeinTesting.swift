// SkeinTesting
