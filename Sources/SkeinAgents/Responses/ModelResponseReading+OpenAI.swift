import OTLP

extension ModelResponseReading {
    /// A completion, or a chunk of one; both have their choices and their usage in the same places.
    mutating func readOpenAIChat(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "id") {
                try takeID(&reader)
            } else if reader.equals(key, "model") {
                try takeModel(&reader)
            } else if reader.equals(key, "choices") {
                try reader.elements { reader, place throws(JSONError) in
                    try readChoice(&reader, place, reason: "finish_reason")
                }
            } else if reader.equals(key, "usage") {
                try readOpenAIUsage(&reader)
            } else if reader.equals(key, "error") {
                try takeError(&reader)
            } else {
                try reader.skipValue()
            }
        }
    }

    /// A response, or an event that has one in its `response` member.
    mutating func readOpenAIResponses(_ reader: inout JSONReader) throws(JSONError) {
        var type: String?
        var code: String?
        var message: String?
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "response") {
                try readOpenAIResponse(&reader)
            } else if reader.equals(key, "type") {
                type = try reader.optionalText()
            } else if reader.equals(key, "code") {
                code = try reader.optionalCode()
            } else if reader.equals(key, "message") {
                message = try reader.optionalText()
            } else {
                try readResponseMember(key, &reader)
            }
        }
        // The event that reports an error has it in its own members.
        if type == "error", error == nil { error = ModelAPIError(code: code, message: message ?? "") }
    }

    private mutating func readOpenAIResponse(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in try readResponseMember(key, &reader) }
    }

    private mutating func readResponseMember(_ key: JSONReader.Text, _ reader: inout JSONReader) throws(JSONError) {
        if reader.equals(key, "id") {
            try takeID(&reader)
        } else if reader.equals(key, "model") {
            try takeModel(&reader)
        } else if reader.equals(key, "status") {
            takeStatus(try reader.optionalText())
        } else if reader.equals(key, "incomplete_details") {
            try reader.members { reader, key throws(JSONError) in
                guard reader.equals(key, "reason") else { return try reader.skipValue() }
                setFinishReason(try reader.optionalText(), of: 0)
            }
        } else if reader.equals(key, "usage") {
            try readOpenAIUsage(&reader)
        } else if reader.equals(key, "error") {
            try takeError(&reader)
        } else {
            try reader.skipValue()
        }
    }

    /// A final status is the finish reason, but for `incomplete`, whose reason is told apart.
    private mutating func takeStatus(_ status: String?) {
        switch status {
        case "completed", "failed", "cancelled":
            isComplete = true
            setFinishReason(status, of: 0)
        case "incomplete": isComplete = true
        default: break
        }
    }

    /// Chat Completions say `prompt` and `completion` where Responses say `input` and `output`.
    private mutating func readOpenAIUsage(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "prompt_tokens") || reader.equals(key, "input_tokens") {
                try takeCount(\.input, &reader)
            } else if reader.equals(key, "completion_tokens") || reader.equals(key, "output_tokens") {
                try takeCount(\.output, &reader)
            } else if reader.equals(key, "total_tokens") {
                try takeCount(\.total, &reader)
            } else if reader.equals(key, "prompt_cache_hit_tokens") {
                // DeepSeek
                try takeCount(\.cacheRead, &reader)
            } else if Self.isDetails(key, of: reader) {
                try readUsageDetails(&reader)
            } else {
                try reader.skipValue()
            }
        }
    }

    private static func isDetails(_ key: JSONReader.Text, of reader: JSONReader) -> Bool {
        reader.equals(key, "prompt_tokens_details") || reader.equals(key, "input_tokens_details")
            || reader.equals(key, "completion_tokens_details") || reader.equals(key, "output_tokens_details")
    }

    private mutating func readUsageDetails(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "cached_tokens") {
                try takeCount(\.cacheRead, &reader)
            } else if reader.equals(key, "cache_write_tokens") {
                try takeCount(\.cacheWrite, &reader)
            } else if reader.equals(key, "reasoning_tokens") {
                try takeCount(\.reasoning, &reader)
            } else {
                try reader.skipValue()
            }
        }
    }

    /// One of several answers: its place is its `index`, else where it stands.
    mutating func readChoice(
        _ reader: inout JSONReader, _ place: Int, reason member: StaticString
    ) throws(JSONError) {
        var index = place
        var reason: String?
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "index") {
                index = try reader.optionalCount() ?? place
            } else if reader.equals(key, member) {
                reason = try reader.optionalText()
            } else {
                try reader.skipValue()
            }
        }
        setFinishReason(reason, of: index)
    }
}
