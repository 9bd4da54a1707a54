import OTLP

extension ModelResponseReading {
    /// A message, or an event: `message_start` has the message, `message_delta` its reason and its usage.
    mutating func readAnthropic(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "message") || reader.equals(key, "delta") {
                try readAnthropicMessage(&reader)
            } else if reader.equals(key, "type") {
                if try reader.optionalText() == "message_stop" { isComplete = true }
            } else if reader.equals(key, "error") {
                try takeError(&reader)
            } else {
                try readMessageMember(key, &reader)
            }
        }
    }

    private mutating func readAnthropicMessage(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in try readMessageMember(key, &reader) }
    }

    private mutating func readMessageMember(_ key: JSONReader.Text, _ reader: inout JSONReader) throws(JSONError) {
        if reader.equals(key, "id") {
            try takeID(&reader)
        } else if reader.equals(key, "model") {
            try takeModel(&reader)
        } else if reader.equals(key, "stop_reason") {
            setFinishReason(try reader.optionalText(), of: 0)
        } else if reader.equals(key, "usage") {
            try readAnthropicUsage(&reader)
        } else {
            try reader.skipValue()
        }
    }

    private mutating func readAnthropicUsage(_ reader: inout JSONReader) throws(JSONError) {
        try reader.members { reader, key throws(JSONError) in
            if reader.equals(key, "input_tokens") {
                try takeCount(\.input, &reader)
            } else if reader.equals(key, "output_tokens") {
                try takeCount(\.output, &reader)
            } else if reader.equals(key, "cache_read_input_tokens") {
                try takeCount(\.cacheRead, &reader)
            } else if reader.equals(key, "cache_creation_input_tokens") {
                try takeCount(\.cacheWrite, &reader)
            } else {
                try reader.skipValue()
            }
        }
    }
}
