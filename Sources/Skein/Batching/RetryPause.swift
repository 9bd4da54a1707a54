/// How long the receiver is left alone after a failed attempt: as long as it asked for, and never shorter than our own
/// growing pause.
package struct RetryPause: Sendable {
    /// 2 minutes: longer than a restart takes or the window of a rate limit is, and short enough for further attempts in
    /// the 5 minutes for which a batch is sent again by default. What asks for more is more likely a wrong unit or a
    /// wrong clock, and one such header must not stop the export for the rest of the process.
    private static let askedMax: Duration = .seconds(120)

    /// The part that the receiver asked for; zero where it asked for none.
    package let askedLength: Duration
    /// The whole of it.
    package let length: Duration

    /// - Parameters:
    ///   - asked: what the receiver asked for.
    ///   - own: our own pause.
    package init(asked: Duration?, own: Duration) {
        askedLength = min(max(asked ?? .zero, .zero), Self.askedMax)
        length = max(askedLength, own)
    }
}
