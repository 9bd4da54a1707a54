/// Members: a key and its value in one call. Keys are as for ``JSONWriter/key(_:)-(StaticString)``.
extension JSONWriter {
    package mutating func object(_ key: StaticString, _ body: (inout JSONWriter) throws -> Void) rethrows {
        self.key(key)
        try object(body)
    }

    package mutating func array(_ key: StaticString, _ body: (inout JSONWriter) throws -> Void) rethrows {
        self.key(key)
        try array(body)
    }

    package mutating func string(_ key: StaticString, _ value: String) {
        self.key(key)
        string(value)
    }

    package mutating func utf8(_ key: StaticString, _ value: ArraySlice<UInt8>) {
        self.key(key)
        utf8(value)
    }

    package mutating func int(_ key: StaticString, _ value: Int64) {
        self.key(key)
        int(value)
    }

    package mutating func int(_ key: StaticString, _ value: UInt64) {
        self.key(key)
        int(value)
    }

    package mutating func int(_ key: StaticString, _ value: Int) {
        self.key(key)
        int(value)
    }

    package mutating func int64String(_ key: StaticString, _ value: Int64) {
        self.key(key)
        int64String(value)
    }

    package mutating func int64String(_ key: StaticString, _ value: UInt64) {
        self.key(key)
        int64String(value)
    }

    package mutating func double(_ key: StaticString, _ value: Double) {
        self.key(key)
        double(value)
    }

    package mutating func bool(_ key: StaticString, _ value: Bool) {
        self.key(key)
        bool(value)
    }

    package mutating func null(_ key: StaticString) {
        self.key(key)
        null()
    }

    package mutating func traceID(_ key: StaticString, _ id: TraceID) {
        self.key(key)
        traceID(id)
    }

    package mutating func spanID(_ key: StaticString, _ id: SpanID) {
        self.key(key)
        spanID(id)
    }

    package mutating func base64(_ key: StaticString, _ value: ArraySlice<UInt8>) {
        self.key(key)
        base64(value)
    }

    package mutating func raw(_ key: StaticString, _ json: some Collection<UInt8>) {
        self.key(key)
        raw(json)
    }
}
