/// Says whether a failed request is worth another try, and when.
struct RetryPolicy: Sendable {
    /// Further attempts after the first; one that still fails is given up.
    var retriesMax = 3
    /// The first pause; each one after it is twice as long.
    var pauseMin = Duration.milliseconds(100)
    /// No pause is longer, and a server that asks for more is not waited for.
    var pauseMax = Duration.seconds(5)

    /// How long to wait before the next attempt; nil to give up.
    ///
    /// - Parameter retries: how many there were already.
    func pause(after failure: HTTPFailure, retries: Int) -> Duration? {
        guard retries < retriesMax, isWorthRetrying(failure) else { return nil }
        if let asked = failure.retryAfter { return asked <= pauseMax ? max(asked, .zero) : nil }
        let pause = min(pauseMin * (1 << min(retries, 16)), pauseMax)
        // Between half and all of it, so that those who failed together do not come back together.
        return pause * Double.random(in: 0.5...1)
    }

    /// No answer, too many requests, and failures of the server; what it refused for good stays refused.
    private func isWorthRetrying(_ failure: HTTPFailure) -> Bool {
        switch failure.status {
        case nil, 408, 429, 500, 502, 503, 504: true
        default: false
        }
    }
}
