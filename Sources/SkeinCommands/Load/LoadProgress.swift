/// A line on the terminal that tells how far a run is.
struct LoadProgress {
    /// Writes over the line once a second until the task is cancelled, then clears it.
    func show(total: Duration, acceptedSpans: @Sendable () -> Int) async {
        let start = ContinuousClock.now
        var last = 0
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            let spans = acceptedSpans()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let rate = Quantity.count(spans - last)
            last = spans
            let of = Quantity.fixed(total / .seconds(1), 0)
            Terminal.transient("\(Quantity.fixed(seconds, 0)) of \(of) s  \(Quantity.count(spans)) spans  \(rate)/s")
        }
        Terminal.transient("")
    }
}
