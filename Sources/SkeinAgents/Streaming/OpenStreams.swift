import Synchronization

/// The streams that are recorded inside a call's closure. Their recordings must not outlive its span.
final class OpenStreams: Sendable {
    /// A call has one stream, rarely a second; of more only the first are closed with the call.
    private static let streamsMax = 8

    private let streams = Mutex<[StreamRecording]>([])

    func add(_ stream: StreamRecording) {
        streams.withLock { if $0.count < Self.streamsMax { $0.append(stream) } }
    }

    /// Ends the recording of streams that are still open.
    func finish() {
        let open = streams.withLock { streams in
            defer { streams = [] }
            return streams
        }
        for stream in open { stream.finish(Task.isCancelled ? .cancelled : .abandoned) }
    }
}
