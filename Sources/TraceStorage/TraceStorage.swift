// TraceStorage
