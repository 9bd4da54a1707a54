/// What became of an attempt to tell somebody.
package enum DeliveryResult: Sendable, Equatable {
    case delivered
    /// The same notice may be taken later; not before `retryAfter` nanoseconds, where the other side said so.
    case retryable(reason: String, retryAfter: UInt64?)
    /// It will never be taken.
    case refused(reason: String)
}

/// Tells one notifier. Blocks; used by one thread.
package protocol NoticeSender: Sendable {
    func send(_ notice: Notice) -> DeliveryResult

    /// Ends what is under way and every later attempt at once. From any thread.
    func shutdown()
}
