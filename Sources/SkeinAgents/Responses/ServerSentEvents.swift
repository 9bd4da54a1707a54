/// Splits a stream of bytes into server-sent events as the HTML standard defines them: lines end in CR, LF or CRLF, a
/// blank line ends an event, several `data` lines are joined by LF, lines that begin with a colon are comments.
///
/// The bytes may come in pieces of any size.
public struct ServerSentEvents: Sendable {
    /// One event.
    public struct Event: Sendable, Equatable {
        /// The `event` field; empty when there was none.
        public var name = ""
        /// The `data` fields.
        public var data: [UInt8] = []
    }

    /// Bytes of one event, its lines and names included. The largest events repeat a whole answer, images aside well
    /// under a megabyte. A larger event is passed over and counted.
    public static let eventBytesMax = 8 * 1_048_576

    /// Events that were passed over because they were too large.
    public private(set) var skippedEvents = 0

    private let eventBytesMax: Int
    private var event = Event()
    private var hasData = false
    private var line: [UInt8] = []
    private var lastWasCR = false
    private var isSkipping = false
    private var isAtStart = true

    /// A parser at the start of a stream.
    public init() {
        self.init(eventBytesMax: Self.eventBytesMax)
    }

    package init(eventBytesMax: Int) {
        self.eventBytesMax = eventBytesMax
    }

    /// Takes the next bytes and calls `body` with each event that is complete with them.
    public mutating func append(_ bytes: some Sequence<UInt8>, _ body: (Event) -> Void) {
        for byte in bytes {
            let followsCR = lastWasCR
            lastWasCR = byte == 0x0D
            switch byte {
            case 0x0A where followsCR: continue
            case 0x0A, 0x0D: endLine(body)
            default:
                if isSkipping {
                    // Only whether the line is blank matters.
                    if line.isEmpty { line.append(byte) }
                } else if line.count + event.data.count + event.name.utf8.count < eventBytesMax {
                    line.append(byte)
                } else {
                    isSkipping = true
                }
            }
        }
    }

    /// The stream has ended. An event whose blank line is missing is reported too, since a connection may be cut right
    /// after its last byte of data.
    public mutating func finish(_ body: (Event) -> Void) {
        if !line.isEmpty { endLine(body) }
        if isSkipping { skippedEvents += 1 } else { dispatch(body) }
        self = ServerSentEvents(keeping: skippedEvents, eventBytesMax)
    }

    private init(keeping skippedEvents: Int, _ eventBytesMax: Int) {
        self.init(eventBytesMax: eventBytesMax)
        self.skippedEvents = skippedEvents
    }

    private mutating func endLine(_ body: (Event) -> Void) {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        if isSkipping {
            guard line.isEmpty else { return }
            skippedEvents += 1
            isSkipping = false
            event = Event()
            hasData = false
        } else if line.isEmpty {
            dispatch(body)
        } else {
            takeField()
        }
    }

    private mutating func dispatch(_ body: (Event) -> Void) {
        if hasData { body(event) }
        event = Event()
        hasData = false
    }

    private mutating func takeField() {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        let name = line[..<colon]
        if name.elementsEqual("data".utf8) {
            if hasData { event.data.append(0x0A) }
            event.data.append(contentsOf: value)
            hasData = true
        } else if name.elementsEqual("event".utf8) {
            event.name = String(decoding: value, as: UTF8.self)
        }
    }
}
