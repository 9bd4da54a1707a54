import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Whether spans say what people and models wrote, and how much of it. Off unless asked for.
///
/// There is one switch for all helpers: the environment variable `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`
/// (`true`, or `span_only` and `span_and_event` as some instrumentations spell it; anything else is off), read once,
/// or ``configure(_:)`` in code, which wins. ``withContentCapture(_:isolation:_:)`` overrides it for one request.
///
/// While it is off, or the span is not sampled, texts are not even put together.
///
/// ```swift
/// ContentCapture.configure(
///     ContentCapture(isEnabled: true) { kind, text in
///         kind == .toolResult ? nil : text.replacing(cardNumber, with: "[card]")
///     })
/// ```
public struct ContentCapture: Sendable {
    /// Changes a text before it is recorded, or withholds it by returning nil. It gets the whole text: for messages and
    /// the like that is JSON, and what it returns should be JSON too. It runs on the task that records, so it should
    /// be quick.
    public typealias Redaction = @Sendable (_ kind: ContentKind, _ text: String) -> String?

    /// Whether content is recorded.
    public var isEnabled: Bool
    /// Bytes of UTF-8 of one attribute; a longer text is cut between two characters, after redaction, and its whole
    /// length is recorded in `skein.content.{kind}.bytes`. JSON that was cut is no longer JSON.
    public var bytesMax: Int
    /// What changes a text before it is recorded.
    public var redact: Redaction?

    /// Content is recorded as given.
    ///
    /// - Parameter bytesMax: 16 KiB by default, which holds a long question and its answer; a span with several such
    ///   texts still fits many times into one request to the collector.
    public init(isEnabled: Bool, bytesMax: Int = 16_384, redact: Redaction? = nil) {
        self.isEnabled = isEnabled
        self.bytesMax = bytesMax
        self.redact = redact
    }

    /// Nothing is recorded.
    public static let off = ContentCapture(isEnabled: false)

    /// Sets the switch for the whole process, at its start.
    public static func configure(_ capture: ContentCapture) {
        process.withLock { $0 = capture }
    }

    /// What holds for the running task.
    public static var current: ContentCapture {
        override ?? process.withLock { $0 }
    }

    @TaskLocal static var override: ContentCapture?

    private static let process = Mutex(ContentCapture(environment: environmentVariable))

    static let variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

    private static var environmentVariable: String? { getenv(variable).map { String(cString: $0) } }

    /// What the environment variable says.
    package init(environment value: String?) {
        let on = ["true", "span_only", "span_and_event"]
        self.init(isEnabled: value.map { on.contains($0.lowercased()) } ?? false)
    }
}

/// Runs `operation` with content capture as given, in this task and its children, whatever holds for the process.
///
/// - Throws: what `operation` throws.
public func withContentCapture<Result>(
    _ capture: ContentCapture, isolation: isolated (any Actor)? = #isolation, _ operation: () async throws -> Result
) async rethrows -> Result {
    try await ContentCapture.$override.withValue(capture) { try await operation() }
}

extension AttributeRecorder {
    /// Records content where that is on; `text` is not evaluated otherwise.
    func record(_ kind: ContentKind, _ text: () -> String?) {
        guard span.isRecording, let (recorded, bytes) = captured(kind, text) else { return }
        set(kind.attribute, recorded)
        set(kind.cutMark, bytes)
    }

    /// The text to record, and the length of the whole when it was cut.
    func captured(_ kind: ContentKind, _ text: () -> String?) -> (text: String, cutFromBytes: Int?)? {
        let capture = ContentCapture.current
        guard capture.isEnabled, let whole = text() else { return nil }
        guard let redacted = capture.redact.map({ $0(kind, whole) }) ?? whole else { return nil }
        let bytes = redacted.utf8.count
        return bytes > capture.bytesMax ? (redacted.prefix(bytes: capture.bytesMax), bytes) : (redacted, nil)
    }
}
