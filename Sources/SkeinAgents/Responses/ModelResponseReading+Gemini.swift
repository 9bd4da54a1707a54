import OTLP

extension ModelResponseReading {
    /// An answer, or a chunk of one; they look alike.
    mutating func readGemini(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "responseId") {
                try takeID(&reader)
            } else if reader.equals(key, "modelVersion") {
                try takeModel(&reader)
            } else if reader.equals(key, "candidates") {
                try reader.elements { reader, place throws(JSONError) in
                    try readChoice(&reader, place, reason: "finishReason")
                }
            } else if reader.equals(key, "promptFeedback") {
                try readPromptFeedback(&reader)
            } else if reader.equals(key, "usageMetadata") {
                try readGeminiUsage(&reader)
            } else if reader.equals(key, "error") {
                try takeError(&reader)
            } else {
                try reader.skipValue()
            }
        }
        isComplete = isComplete || !response.finishReasons.isEmpty
    }

    /// A prompt that was refused has no candidates; why is the only reason there is.
    private mutating func readPromptFeedback(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            guard reader.equals(key, "blockReason") else { return try reader.skipValue() }
            setFinishReason(try reader.optionalText(), of: 0)
        }
    }

    private mutating func readGeminiUsage(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "promptTokenCount") {
                try takeCount(\.input, &reader)
            } else if reader.equals(key, "candidatesTokenCount") {
                try takeCount(\.output, &reader)
            } else if reader.equals(key, "cachedContentTokenCount") {
                try takeCount(\.cacheRead, &reader)
            } else if reader.equals(key, "thoughtsTokenCount") {
                try takeCount(\.reasoning, &reader)
            } else if reader.equals(key, "toolUsePromptTokenCount") {
                try takeCount(\.toolPrompt, &reader)
            } else if reader.equals(key, "totalTokenCount") {
                try takeCount(\.total, &reader)
            } else {
                try reader.skipValue()
            }
        }
    }
}
