// A tool that counts the words of its files and exits at once, whatever happens. It calls no shutdown: at the exit of
// the process what is queued is sent, for at most two seconds.
//
//     swift run CommandLineTool README.md
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run CommandLineTool README.md

import Foundation
import Skein
import Tracing

_ = try SkeinTracing.bootstrap(serviceName: "count-words") { configuration in
    // Where the environment does not say where spans go, they are printed.
    if !configuration.isDestinationInEnvironment { configuration.exporters = [.console] }
}

func countWords(inFile path: String) throws -> Int {
    try withSpan("read") { span in
        span.attributes["file.path"] = path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let count = text.split(whereSeparator: \.isWhitespace).count
        span.attributes["words"] = count
        return count
    }
}

let failures = withSpan("count-words") { span in
    let paths = CommandLine.arguments.dropFirst()
    span.attributes["files"] = paths.count
    var failures = 0
    for path in paths {
        do {
            print("\(try countWords(inFile: path)) \(path)")
        } catch {
            failures += 1
            FileHandle.standardError.write(Data("\(path): \(error.localizedDescription)\n".utf8))
        }
    }
    if failures > 0 {
        span.setStatus(SpanStatus(code: .error, message: "\(failures) of \(paths.count) files could not be read"))
    }
    return failures
}
exit(failures == 0 ? 0 : 1)
