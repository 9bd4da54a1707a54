import OTLP

/// What has been read of an answer, from one body or from many events.
struct ModelResponseReading: Sendable {
    /// Answers of one call whose finish reasons are kept.
    private static let choicesMax = 128

    let format: ModelResponseFormat
    var id: String?
    var model: String?
    var counts = UsageCounts()
    var error: ModelAPIError?
    var isComplete = false
    private var finishReasons: [String?] = []

    init(_ format: ModelResponseFormat) {
        self.format = format
    }

    var response: ModelResponse {
        var response = ModelResponse()
        response.id = id
        response.model = model
        response.finishReasons = finishReasons.compactMap { $0 }
        response.usage = counts.usage(format)
        response.error = error
        response.isComplete = isComplete
        return response
    }

    /// Reads a whole answer, or an array of the events of one.
    mutating func read(body: [UInt8]) throws(JSONError) {
        var reader = JSONReader(body)
        guard try reader.kind() == .array else {
            guard try reader.kind() == .object else { throw reader.failure("expected an object") }
            try read(&reader)
            try reader.finish()
            // A body that reports an error, or one whose status says otherwise, knows better.
            if format != .openAIResponses, error == nil { isComplete = true }
            return
        }
        try reader.elements { reader, _ throws(JSONError) in try read(&reader) }
        try reader.finish()
    }

    /// Reads the data of one event.
    mutating func read(event: [UInt8]) throws(JSONError) {
        var reader = JSONReader(event)
        try read(&reader)
        try reader.finish()
    }

    /// The provider said that no more events come.
    mutating func endStream() {
        isComplete = true
    }

    private mutating func read(_ reader: inout JSONReader) throws(JSONError) {
        switch format {
        case .openAIChat: try readOpenAIChat(&reader)
        case .openAIResponses: try readOpenAIResponses(&reader)
        case .anthropicMessages: try readAnthropic(&reader)
        case .geminiGenerateContent: try readGemini(&reader)
        }
    }

    // MARK: what the formats share

    mutating func takeID(_ reader: inout JSONReader) throws(JSONError) {
        if let text = try reader.optionalText() { id = text }
    }

    mutating func takeModel(_ reader: inout JSONReader) throws(JSONError) {
        if let text = try reader.optionalText() { model = text }
    }

    mutating func takeCount(
        _ field: WritableKeyPath<UsageCounts, Int?>, _ reader: inout JSONReader
    ) throws(JSONError) {
        counts.set(field, try reader.optionalCount())
    }

    mutating func setFinishReason(_ reason: String?, of choice: Int) {
        guard let reason, choice >= 0, choice < Self.choicesMax else { return }
        while finishReasons.count <= choice { finishReasons.append(nil) }
        finishReasons[choice] = reason
    }

    /// Reads `{"type": …, "code": …, "status": …, "message": …}` or a text; passes over null.
    mutating func takeError(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.kind() == .object else {
            if let message = try reader.optionalText() { error = ModelAPIError(message: message) }
            return
        }
        var type: String?
        var status: String?
        var code: String?
        var message: String?
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "type") {
                type = try reader.optionalText()
            } else if reader.equals(key, "status") {
                status = try reader.optionalText()
            } else if reader.equals(key, "code") {
                code = try reader.optionalCode()
            } else if reader.equals(key, "message") {
                message = try reader.optionalText()
            } else {
                try reader.skipValue()
            }
        }
        error = ModelAPIError(type: type ?? status, code: code, message: message ?? "")
    }
}
