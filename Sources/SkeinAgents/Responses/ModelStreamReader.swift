import OTLP

/// Reads the event stream of a model call as its bytes come, in pieces of any size.
///
/// ```swift
/// var reader = ModelStreamReader(.anthropicMessages)
/// for try await bytes in body { reader.append(bytes) }
/// reader.finish()
/// call.recordResponse(reader.response)
/// ```
/// Nothing of the content is kept. Bytes that begin like JSON are no events but one body, such as that of an error or a
/// stream of Google's without `alt=sse`; it is read at the end. An event that is no JSON or over ``ServerSentEvents/eventBytesMax`` is passed over
/// and counted; what the other events say stays.
public struct ModelStreamReader: Sendable {
    /// What the bytes are, which the first of them says.
    private enum Shape {
        case unknown, events, body
    }

    private var shape = Shape.unknown
    private var body: [UInt8] = []
    private var events = ServerSentEvents()
    private var reading: ModelResponseReading
    private var malformedEvents = 0

    /// A reader at the start of a stream.
    ///
    /// For OpenAI's Chat Completions tokens come only when the request has `stream_options.include_usage`.
    public init(_ format: ModelResponseFormat) {
        reading = ModelResponseReading(format)
    }

    /// What is known so far.
    public var response: ModelResponse { reading.response }

    /// Events that could not be read.
    public var unreadEvents: Int { malformedEvents + events.skippedEvents }

    /// Takes the next bytes.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        if shape == .unknown, let first = bytes.first(where: { $0 > 0x20 }) {
            shape = first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? .body : .events
        }
        guard shape != .body else {
            // One byte more than is read says that there was more.
            return body.append(contentsOf: bytes.prefix(ServerSentEvents.eventBytesMax + 1 - body.count))
        }
        var complete: [ServerSentEvents.Event] = []
        events.append(bytes) { complete.append($0) }
        for event in complete { read(event) }
    }

    /// Takes the next piece of text.
    public mutating func append(_ text: String) {
        append(text.utf8)
    }

    /// The stream has ended; what is left of it is read.
    public mutating func finish() {
        var complete: [ServerSentEvents.Event] = []
        events.finish { complete.append($0) }
        for event in complete { read(event) }
        if shape == .body { readBody() }
        shape = .unknown
    }

    private mutating func readBody() {
        do {
            guard body.count <= ServerSentEvents.eventBytesMax else { return malformedEvents += 1 }
            try reading.read(body: body)
        } catch {
            malformedEvents += 1
        }
        body = []
    }

    private mutating func read(_ event: ServerSentEvents.Event) {
        guard !event.data.elementsEqual("[DONE]".utf8) else { return reading.endStream() }
        do {
            try reading.read(event: event.data)
        } catch {
            malformedEvents += 1
        }
    }
}
