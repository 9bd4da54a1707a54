/// An error that names its own class, for `error.type`: a status code or a word such as `rate_limited`.
public protocol ErrorTypeProviding: Error {
    /// One of few distinct values.
    var errorType: String { get }
}

/// What the error calls itself, or the name of its Swift type with its module.
func errorType(_ error: any Error) -> String {
    (error as? any ErrorTypeProviding)?.errorType ?? String(reflecting: type(of: error))
}

/// Whether the caller no longer wants the work, which is no failure of it: the error says so, or the task was cancelled,
/// which clients report by errors of their own.
func isCancellation(_ error: any Error) -> Bool {
    error is CancellationError || (error as? any ErrorClassifying)?.errorClass == .cancelled || Task.isCancelled
}
