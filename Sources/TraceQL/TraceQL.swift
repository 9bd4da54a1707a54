// TraceQL
