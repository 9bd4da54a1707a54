import OTLP
import SpanMetrics

extension UsageResult {
    /// The answer of `/usage`.
    func json(_ query: UsageQuery) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.array("rows") { json in
                for row in rows { row.write(query, to: &json) }
            }
            json.object("total") { total.sum.write(to: &$0) }
            json.object("unattributed") { json in
                unattributed.sum.write(to: &json)
                unattributed.writeSeries(query, to: &json)
            }
            if isTruncated { json.object("other") { other.sum.write(to: &$0) } }
            json.bool("truncated", isTruncated)
            json.bool("partial", damagedParts > 0)
        }
        return json.takeBytes()
    }
}

extension UsageRow {
    fileprivate func write(_ query: UsageQuery, to json: inout JSONWriter) {
        json.object { json in
            json.object("key") { json in
                for (key, value) in zip(query.keys, key) {
                    json.key(key.name)
                    if value.isEmpty { json.null() } else { json.string(value) }
                }
            }
            sum.write(to: &json)
            writeSeries(query, to: &json)
        }
    }

    fileprivate func writeSeries(_ query: UsageQuery, to json: inout JSONWriter) {
        guard let step = query.stepNanoseconds else { return }
        json.array("series") { json in
            for (point, sum) in points.sorted(by: { $0.key < $1.key }) {
                json.object { json in
                    json.int64String("startTimeUnixNano", query.range.start + point * step)
                    sum.write(to: &json)
                }
            }
        }
    }
}

extension UsageSum {
    /// Members of an object. Input includes cache read and write, output includes reasoning.
    func write(to json: inout JSONWriter) {
        json.int("calls", calls)
        json.int("errors", errors)
        json.int("inputTokens", tokens.input)
        json.int("cacheReadTokens", tokens.cacheRead)
        json.int("cacheWriteTokens", tokens.cacheWrites)
        json.int("outputTokens", tokens.output)
        json.int("reasoningTokens", tokens.reasoning)
        json.double("costUSD", cost)
        json.string("costSource", costSource.rawValue)
        json.int("unpricedCalls", unpricedCalls)
    }
}
