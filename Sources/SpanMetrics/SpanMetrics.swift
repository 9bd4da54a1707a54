// SpanMetrics
