import OTLP

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Spans as text for people.
package struct SpanText {
    /// Unicode scalars of a value or a name that are shown; the rest is counted.
    package static let valueLengthMax = 1_000
    /// Columns that keys are padded to; longer ones push their value out.
    private static let keyColumnsMax = 40

    private enum Style: String {
        case plain = ""
        case dim = "2"
        case bold = "1"
        case red = "31"
        case green = "32"
        case cyan = "36"
    }

    private let batch: SpanBatch
    private let isColored: Bool
    private var text = ""

    /// One block a span, in the order of the batch, each line ended.
    package static func blocks(_ batch: ExportBatch, isColored: Bool) throws(WireError) -> String {
        var writer = SpanText(
            batch: try SpanBatch(decoding: batch.request, limits: .ownSpans), isColored: isColored)
        for span in writer.batch.spans { writer.block(span) }
        return writer.text
    }

    private init(batch: SpanBatch, isColored: Bool) {
        self.batch = batch
        self.isColored = isColored
    }

    private mutating func block(_ span: SpanRow) {
        text += styled(SpanTime.date(span.startTime), .dim)
        text += "  \(SpanTime.duration(span.durationNanoseconds).padded(to: 9, atStart: true))"
        text += "  \(styled(span.traceID.hex, .dim)) \(styled(span.spanID.hex, .dim))"
        text += "  \(styled(Self.kind(span.kind).padded(to: 8), .cyan))"
        text += "  \(styled(Self.bounded(batch.string(span.name)), .bold))"
        switch span.statusCode {
        case 1: text += "  \(styled("ok", .green))"
        case 2:
            let message = Self.bounded(batch.string(span.statusMessage))
            text += "  \(styled(message.isEmpty ? "error" : "error: \(message)", .red))"
        default: break
        }
        text += "\n"
        attributes(span.attributes, span.droppedAttributesCount, indent: 4)
        for index in span.events.indices { event(batch.events[index], of: span) }
        dropped(span.droppedEventsCount, "events", indent: 4)
        for index in span.links.indices {
            let link = batch.links[index]
            text += "    \(styled("link to", .dim)) \(link.traceID.hex) \(link.spanID.hex)\n"
            attributes(link.attributes, link.droppedAttributesCount, indent: 8)
        }
        dropped(span.droppedLinksCount, "links", indent: 4)
    }

    private mutating func event(_ event: EventRow, of span: SpanRow) {
        let isBefore = event.time < span.startTime
        let distance = isBefore ? span.startTime - event.time : event.time - span.startTime
        let offset = "\(isBefore ? "-" : "+") \(SpanTime.duration(distance))"
        text += "    \(styled(offset, .dim))  \(styled(Self.bounded(batch.string(event.name)), .cyan))\n"
        attributes(event.attributes, event.droppedAttributesCount, indent: 8)
    }

    private mutating func attributes(_ rows: RowRange, _ droppedCount: UInt32, indent: Int) {
        let pairs = batch.keyValues(rows).map { (Self.bounded($0.key), Self.describe($0.value)) }
        let column = min(pairs.map(\.0.count).max() ?? 0, Self.keyColumnsMax)
        for (key, value) in pairs {
            text += "\(String(repeating: " ", count: indent))\(styled(key.padded(to: column), .dim))  \(value)\n"
        }
        dropped(droppedCount, "attributes", indent: indent)
    }

    private mutating func dropped(_ count: UInt32, _ what: String, indent: Int) {
        guard count > 0 else { return }
        text += "\(String(repeating: " ", count: indent))\(styled("\(count) \(what) over the limit", .dim))\n"
    }

    private func styled(_ text: String, _ style: Style) -> String {
        isColored && style != .plain ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    // MARK: values

    private static func bounded(_ text: String) -> String {
        let (start, fullCount) = TerminalText.cut(text, max: valueLengthMax)
        return TerminalText.escape(start) + rest(fullCount)
    }

    private static func rest(_ fullCount: Int?) -> String { fullCount.map { "… (\($0) characters)" } ?? "" }

    /// Strings stand in quotes, so that `"42"` is no number.
    private static func describe(_ value: AnyValue) -> String {
        let text: String
        switch value {
        case .string(let content):
            let (start, fullCount) = TerminalText.cut(content, max: valueLengthMax)
            return "\"\(TerminalText.escape(start, doublesBackslash: true))\"\(rest(fullCount))"
        case .empty: return "(empty)"
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return "\(number)"
        case .double(let number): return "\(number)"
        case .bytes(let bytes): return "(\(bytes.count) bytes)"
        case .array(let elements): text = "[\(elements.map(describe).joined(separator: ", "))]"
        case .keyValueList(let pairs):
            text = "{\(pairs.map { "\(bounded($0.key)): \(describe($0.value))" }.joined(separator: ", "))}"
        }
        let (start, fullCount) = TerminalText.cut(text, max: valueLengthMax)
        return start + rest(fullCount)
    }

    private static func kind(_ wireValue: Int32) -> String {
        switch wireValue {
        case 1: "internal"
        case 2: "server"
        case 3: "client"
        case 4: "producer"
        case 5: "consumer"
        default: ""
        }
    }
}

/// Times and durations as people read them.
package enum SpanTime {
    /// Unix nanoseconds as an RFC 3339 time in UTC, to the millisecond.
    package static func date(_ nanoseconds: UInt64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "(no time)" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let milliseconds = digits(nanoseconds / 1_000_000 % 1_000, count: 3)
        return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)Z"
    }

    /// Two decimals in the largest unit that fits, cut off: `850 ns`, `12.34 ms`, `90.00 s`.
    package static func duration(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1_000: "\(nanoseconds) ns"
        case ..<1_000_000: "\(decimal(nanoseconds, 1_000)) µs"
        case ..<1_000_000_000: "\(decimal(nanoseconds, 1_000_000)) ms"
        default: "\(decimal(nanoseconds, 1_000_000_000)) s"
        }
    }

    private static func decimal(_ number: UInt64, _ unit: UInt64) -> String {
        "\(number / unit).\(digits(number % unit / (unit / 100), count: 2))"
    }

    private static func digits(_ number: UInt64, count: Int) -> String {
        "\(number)".padded(to: count, atStart: true, with: "0")
    }
}

extension String {
    /// With `fill` at one end until it has `width` characters; a longer one stays as it is.
    fileprivate func padded(to width: Int, atStart: Bool = false, with fill: Character = " ") -> String {
        let missing = String(repeating: fill, count: max(0, width - count))
        return atStart ? missing + self : self + missing
    }
}
