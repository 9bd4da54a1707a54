/// Appends JSON to a growing byte array: no tree, no reflection, commas by itself.
///
/// Every value method exists with a key in front (a member of an object) and without (an element of an array, the
/// value after ``key(_:)``, or the document itself):
///
///     var json = JSONWriter()
///     json.object { json in
///         json.string("service", name)
///         json.array("rows") { json in
///             for row in rows { json.object { $0.int64String("durationNano", row.duration) } }
///         }
///     }
///     return json.takeBytes()
///
/// Calls must nest properly and an object must hold members only; the writer does not check it. Output has no white
/// space. Text that is no UTF-8 is written with U+FFFD in place of what is wrong, so the output always is.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8]
    /// A value stands before the next one in the same container.
    private var needsComma = false

    package init(reservingCapacity capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Gives the bytes away without copying and leaves the writer empty.
    package mutating func takeBytes() -> [UInt8] {
        let result = bytes
        bytes = []
        needsComma = false
        return result
    }

    // MARK: containers

    package mutating func beginObject() { begin(UInt8(ascii: "{")) }
    package mutating func endObject() { end(UInt8(ascii: "}")) }
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    package mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        beginObject()
        try body(&self)
        endObject()
    }

    package mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        beginArray()
        try body(&self)
        endArray()
    }

    // MARK: keys

    /// A key of an object. It must be ASCII without quotes, backslashes and control characters, as it is written as it
    /// stands; a key that is data goes through ``key(_:)-(String)``.
    package mutating func key(_ key: StaticString) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func key(_ key: String) {
        string(key)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: values

    package mutating func string(_ value: String) {
        comma()
        bytes.appendJSONString(value)
    }

    /// A string given as UTF-8; sequences that are none become U+FFFD.
    package mutating func utf8(_ value: ArraySlice<UInt8>) {
        comma()
        bytes.appendJSONString(utf8: value)
    }

    /// A number. Readers written in JavaScript see 53 bits of it; see ``int64String(_:)-(Int64)``.
    package mutating func int(_ value: Int64) {
        comma()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.appendDecimal(value.magnitude)
    }

    package mutating func int(_ value: UInt64) {
        comma()
        bytes.appendDecimal(value)
    }

    package mutating func int(_ value: Int) { int(Int64(value)) }

    /// A 64-bit number as a decimal string, as proto3 JSON has it.
    package mutating func int64String(_ value: Int64) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.appendDecimal(value.magnitude)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func int64String(_ value: UInt64) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.appendDecimal(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// The shortest number that reads back as the same double; whole numbers have no fraction. What JSON has no number
    /// for is the string `"NaN"`, `"Infinity"` or `"-Infinity"`, as in proto3 JSON.
    package mutating func double(_ value: Double) {
        comma()
        bytes.appendJSONNumber(value)
    }

    package mutating func bool(_ value: Bool) {
        rawValue(value ? "true" : "false")
    }

    package mutating func null() {
        rawValue("null")
    }

    /// A string of 32 lowercase hexadecimal digits.
    package mutating func traceID(_ id: TraceID) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.appendHex(id.high)
        bytes.appendHex(id.low)
        bytes.append(UInt8(ascii: "\""))
    }

    /// A string of 16 lowercase hexadecimal digits.
    package mutating func spanID(_ id: SpanID) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.appendHex(id.rawValue)
        bytes.append(UInt8(ascii: "\""))
    }

    /// A string of two lowercase hexadecimal digits a byte.
    package mutating func hex(_ value: ArraySlice<UInt8>) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        for byte in value {
            bytes.append(hexDigit(byte >> 4))
            bytes.append(hexDigit(byte & 0xF))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// A string in base64 of the standard alphabet, padded.
    package mutating func base64(_ value: ArraySlice<UInt8>) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.appendBase64(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// A value that is JSON already.
    package mutating func raw(_ json: some Collection<UInt8>) {
        comma()
        bytes.append(contentsOf: json)
    }

    /// White space between documents, as in JSON lines; the next value begins a document of its own.
    package mutating func newline() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    // MARK: -

    private mutating func rawValue(_ text: StaticString) {
        comma()
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    private mutating func comma() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func begin(_ bracket: UInt8) {
        comma()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }
}
