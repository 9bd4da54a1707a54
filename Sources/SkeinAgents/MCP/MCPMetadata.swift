import OTLP
import Tracing

/// Context in the `_meta` member of an MCP message's `params`: `traceparent`, `tracestate` and `baggage`, or what else
/// the process's propagators write.
public enum MCPMetadata {
    /// Bytes of JSON text that is read.
    public static let bytesMax = 16 * 1_048_576

    /// Writes context into metadata.
    public struct MetadataInjector: Injector {
        /// An injector.
        public init() {}

        /// Sets one member.
        public func inject(_ value: String, forKey key: String, into metadata: inout [String: String]) {
            metadata[key] = value
        }
    }

    /// Reads context from metadata.
    public struct MetadataExtractor: Extractor {
        /// An extractor.
        public init() {}

        /// One member.
        public func extract(key: String, from metadata: [String: String]) -> String? { metadata[key] }
    }

    /// The members of `params._meta` that are texts.
    ///
    /// - Parameter params: the JSON text of `params`, an object.
    /// - Returns: nothing where there is no `_meta`, or where the text is no JSON or over ``bytesMax``: context that
    ///   cannot be read must not fail a request.
    public static func read(params: String) -> [String: String] {
        guard params.utf8.count <= bytesMax else { return [:] }
        var metadata: [String: String] = [:]
        var reader = JSONReader(Array(params.utf8))
        do {
            try reader.members { reader, key throws(JSONError) in
                guard reader.equals(key, "_meta") else { return try reader.skipValue() }
                try reader.members { reader, key throws(JSONError) in
                    let name = String(decoding: try reader.unescaped(key), as: UTF8.self)
                    guard try reader.kind() == .string else { return try reader.skipValue() }
                    metadata[name] = String(decoding: try reader.unescaped(try reader.string()), as: UTF8.self)
                }
            }
        } catch {
            return [:]
        }
        return metadata
    }

    /// `params` with these members in its `_meta`, in place of members of the same names; its other members stay as
    /// they are.
    ///
    /// - Parameter params: the JSON text of `params`, an object; an empty text counts as `{}`.
    /// - Returns: nil where the text is no JSON object or over ``bytesMax``.
    public static func write(_ metadata: [String: String], params: String) -> String? {
        guard params.utf8.count <= bytesMax else { return nil }
        var reader = JSONReader(Array((params.isEmpty ? "{}" : params).utf8))
        var json = JSONWriter(reservingCapacity: params.utf8.count + 256)
        do {
            guard try reader.kind() == .object else { return nil }
            var meta: [(key: String, value: ArraySlice<UInt8>)] = []
            json.beginObject()
            try reader.members { reader, key throws(JSONError) in
                guard !reader.equals(key, "_meta") else {
                    return try reader.members { reader, key throws(JSONError) in meta.append(try reader.member(key)) }
                }
                let member = try reader.member(key)
                json.key(member.key)
                json.raw(member.value)
            }
            try reader.finish()
            json.object("_meta") { json in
                for member in meta where metadata[member.key] == nil {
                    json.key(member.key)
                    json.raw(member.value)
                }
                for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                    json.key(key)
                    json.string(value)
                }
            }
            json.endObject()
        } catch {
            return nil
        }
        return json.takeText()
    }
}

extension JSONReader {
    /// A member whose key was just read, with its value as it stands in the text.
    fileprivate mutating func member(_ key: Text) throws(JSONError) -> (key: String, value: ArraySlice<UInt8>) {
        let name = String(decoding: try unescaped(key), as: UTF8.self)
        let start = offset
        try skipValue()
        return (name, bytes[start..<offset])
    }
}
